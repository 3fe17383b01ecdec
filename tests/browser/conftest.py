"""One server for all, and a browser for each test that asks."""

import itertools
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.caption_page import CaptionPage, Screen, open_browser
from tests.support.recordings import clip, pcm16, silence
from tests.support.running_server import RunningServer, running_server

PAUSE_S = 1.0


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    with running_server("tiny.en") as running:
        yield running


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[[Screen], CaptionPage]]:
    """Open browsers; at the end none may have complained about the page."""
    pages: list[CaptionPage] = []
    numbers = itertools.count()

    def open_one(screen: Screen = Screen()) -> CaptionPage:  # noqa: B008 - frozen
        page = open_browser(screen, tmp_path / f"browser-{next(numbers)}")
        pages.append(page)
        return page

    yield open_one
    try:
        complaints = [complaint for page in pages for complaint in page.unexpected_errors()]
    finally:
        for page in pages:
            page.driver.quit()
    assert complaints == []


@pytest.fixture
def speech_file(tmp_path: Path) -> Callable[..., Path]:
    """Write clips, a pause after each, to a WAV file; two tuples of clips make two channels."""

    def write(*sides: tuple[str, ...]) -> Path:
        tracks = [said(numbers) for numbers in sides]
        length = max(map(len, tracks))
        padded = [np.pad(track, (0, length - len(track))) for track in tracks]
        path = tmp_path / "speech.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(len(sides))
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(pcm16(np.stack(padded, axis=1).reshape(-1)))
        return path

    return write


def said(numbers: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([part for number in numbers for part in (clip(number), silence(PAUSE_S))])
