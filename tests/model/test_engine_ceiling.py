"""The bare engine's throughput, on real weights and real speech."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.engine_ceiling import CeilingJob, WindowKind, bare_engine
from loadtest.recordings import load_pcm
from server.cli.model_folder import model_folder

pytestmark = pytest.mark.model

CLIP = Path(__file__).parents[1] / "fixtures" / "sense-and-sensibility-01-0870.flac"


def test_every_kind_of_window_is_measured_and_mixed():
    kinds = [
        WindowKind("short", 3.0, 1000, (1.5, 4.0), 68, beam_size=1, has_timestamps=False),
        WindowKind(
            "long", 1.0, 1250, (7.0,), 104, beam_size=3, has_timestamps=True, timed_share=0.5
        ),
    ]
    job = CeilingJob(
        model_path=model_folder("tiny.en"),
        device="cpu",
        language="en",
        kinds=kinds,
        speech=load_pcm(CLIP),
        batch_sizes=(1, 2),
        try_s=0.1,
    )
    told = []

    with bare_engine(job) as engine:
        ways = engine.choose_ways(told.append)
        rate = engine.windows_per_s(0.5, [*kinds, replace(kinds[0], name="rare", beam_size=2)])

    assert {way["name"] for way in ways} == {"short", "long"}
    assert all(way["rate"] > 0 for way in ways)
    assert any("batch 2" in line for line in told)
    assert rate > 0
