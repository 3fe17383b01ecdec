"""Audio files on the page, and what can be taken away from it."""

import itertools
import re
from dataclasses import dataclass

import pytest

from tests.browser.caption_page import Screen
from tests.support.recordings import (
    clip,
    clip_path,
    contained,
    references,
    resampled,
    spoken,
    word_errors,
)

pytestmark = pytest.mark.browser

MAX_WORD_ERROR_RATE = 0.2
SUBTITLE_LINE_COLUMNS = 42


@dataclass(frozen=True)
class Cue:
    start_s: float
    end_s: float
    lines: list[str]


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def cues_of(blocks: list[str], separator: str) -> list[Cue]:
    time = rf"\d\d:\d\d:\d\d{separator}\d\d\d"
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        match = re.fullmatch(f"({time}) --> ({time})", times)
        assert match, times
        cues.append(Cue(seconds(match[1]), seconds(match[2]), lines))
    return cues


def parse_srt(text: str) -> list[Cue]:
    blocks = [block.split("\n", 1) for block in text.strip().split("\n\n")]
    assert [number for number, _ in blocks] == [str(at + 1) for at in range(len(blocks))]
    return cues_of([rest for _, rest in blocks], ",")


def parse_vtt(text: str) -> list[Cue]:
    head, *blocks = text.strip().split("\n\n")
    assert head == "WEBVTT"
    return cues_of(blocks, r"\.")


def assert_readable(cues: list[Cue]) -> None:
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert max(map(len, cue.lines)) <= SUBTITLE_LINE_COLUMNS
        assert 0.999 <= cue.end_s - cue.start_s <= 7.001
    for before, after in itertools.pairwise(cues):
        assert before.end_s <= after.start_s + 0.001


def joined(cues: list[Cue]) -> str:
    return " ".join(line for cue in cues for line in cue.lines)


def assert_says(text: str, number: str) -> None:
    reference = references()[number]
    assert word_errors(reference, text) / len(spoken(reference)) <= MAX_WORD_ERROR_RATE, text


@pytest.mark.parametrize("words", [True, False])
def test_saved_files_say_what_the_page_says(browse, server, speech_file, words):
    page = browse()
    page.open(server.url)
    page.set_option("words", words)
    page.choose_file(speech_file(("0870", "0890", "0930")))
    shown = page.captions
    assert len(shown) >= 3

    assert page.save("txt").splitlines() == shown
    for kind, parse in (("srt", parse_srt), ("vtt", parse_vtt)):
        cues = parse(page.save(kind))
        assert_readable(cues)
        assert joined(cues) == page.text


def test_a_dropped_file_is_captioned(browse, server):
    page = browse()
    page.open(server.url)
    page.drop_file(clip_path("0870"))

    assert_says(page.text, "0870")
    assert page.marks == [clip_path("0870").name]
    assert page.problem_kind is None


@pytest.mark.parametrize(
    ("ending", "coded"),
    [("mp3", ("mp3", "mp3")), ("webm", ("webm", "libopus")), ("m4a", ("ipod", "aac"))],
)
def test_usual_formats_are_captioned(browse, server, tmp_path, ending, coded):
    path = tmp_path / f"speech.{ending}"
    path.write_bytes(contained(resampled(clip("0930"), 48_000), *coded, 48_000))
    page = browse()
    page.open(server.url)
    page.choose_file(path)
    assert_says(page.text, "0930")


def test_both_sides_of_a_stereo_file_are_told_apart(browse, server, speech_file):
    page = browse()
    page.open(server.url)
    page.set_option("stereo", True)
    page.choose_file(speech_file(("0880",), ("0930",)))

    script = "return [...document.querySelectorAll('#finals .caption')]"
    assert set(page.run(script + ".map((line) => line.dataset.channel)")) == {"0", "1"}
    assert "Channel 1: " in page.save("txt")


def test_a_mono_file_is_captioned_even_when_stereo_is_asked_for(browse, server):
    page = browse()
    page.open(server.url)
    page.set_option("stereo", True)
    page.choose_file(clip_path("0930"))
    assert_says(page.text, "0930")


def test_a_file_without_sound_is_refused_kindly(browse, server, tmp_path):
    path = tmp_path / "notes.m4a"
    path.write_bytes(b"these are not sounds")
    page = browse()
    page.open(server.url)
    page.choose_file(path)
    assert page.problem_kind == "not_audio"
    assert "WAV" in page.part("problem-next").text


def test_a_broken_container_shows_the_servers_hint(browse, server, tmp_path):
    path = tmp_path / "broken.flac"
    path.write_bytes(b"fLaC" + bytes(5000))
    page = browse()
    page.open(server.url)
    page.choose_file(path)
    assert page.problem_kind == "unsupported_audio"
    assert page.part("problem-next").text


def test_a_file_can_be_cancelled(browse, server, speech_file):
    page = browse()
    page.open(server.url)
    long_file = speech_file(("0870", "0880", "0890", "0920", "0930") * 12)
    page.part("file-input").send_keys(str(long_file))
    page.wait(lambda: page.captions, "the first caption")
    assert re.search(r"sent · captioned to \d:\d\d of 5:", page.part("file-numbers").text)
    page.part("file-cancel").click()
    page.wait_for_file()

    assert page.captions
    assert page.problem_kind is None
    assert "Cancelled" in page.part("toast-text").text


def test_clearing_can_be_undone(browse, server):
    page = browse()
    page.open(server.url)
    page.choose_file(clip_path("0930"))
    shown = page.captions
    page.part("save").click()
    page.part("clear").click()
    assert page.captions == []
    page.part("toast-action").click()
    assert page.captions == shown


def test_a_second_file_keeps_the_first_transcript_at_hand(browse, server):
    page = browse()
    page.open(server.url)
    page.choose_file(clip_path("0930"))
    first = page.captions
    page.choose_file(clip_path("0880"))
    assert page.captions != first
    page.part("save").click()
    page.part("restore").click()
    assert page.captions == first


def test_the_reader_is_not_dragged_away_from_an_earlier_line(browse, server, speech_file):
    page = browse(Screen(width=390, height=520))
    page.open(server.url)
    page.part("file-input").send_keys(str(speech_file(("0870", "0890", "0920") * 4)))
    script = "return document.getElementById('captions').scrollTop"
    page.wait(lambda: page.run(script) > 200, "the view to follow")
    page.wait(lambda: page.turn_wheel_up() or page.run(script) == 0, "the first line")
    num_seen = len(page.captions)
    page.wait(lambda: len(page.captions) > num_seen, "more captions")
    assert page.run(script) == 0
    page.part("jump").click()
    page.wait(lambda: not page.part("jump").is_displayed(), "the newest line")
    page.wait_for_file()
