"""Captions in a terminal and beside one."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from server.cli.render import (
    Captions,
    LiveLine,
    cropped_left,
    level_meter,
    open_utterance,
    progress_line,
    remark_on,
)
from starling_client import (
    Final,
    Interim,
    Reconnecting,
    SpeechStarted,
    UtteranceEnded,
    WarningEvent,
)

pytestmark = pytest.mark.unit


def interim(committed, tentative, channel=0):
    return Interim(
        seq=1,
        utterance=1,
        channel=channel,
        committed=committed,
        tentative=tentative,
        start=0.0,
        end=1.0,
    )


def final(text, channel=0):
    return Final(
        seq=1,
        utterance=1,
        channel=channel,
        text=text,
        start=0.0,
        end=1.0,
        language="en",
        confidence=0.9,
    )


def console(*, is_terminal, width=80):
    return Console(
        file=io.StringIO(),
        force_terminal=is_terminal,
        width=width,
        color_system=None,
        legacy_windows=False,
    )


def test_finals_are_the_only_thing_on_stdout(capsys):
    captions = Captions(LiveLine(console(is_terminal=True)))

    captions.see(SpeechStarted(seq=2, utterance=1, channel=0, start=0.0))
    captions.see(interim(" he", " was"))
    captions.see(final(" He was not."))

    assert capsys.readouterr() == ("He was not.\n", "")


def test_each_look_of_the_live_line_is_one_write_that_erases_the_one_before():
    screen = console(is_terminal=True)
    captions = Captions(LiveLine(screen))

    captions.see(interim(" he", " was"))
    captions.see(interim(" he was", " not"))

    looks = screen.file.getvalue().split("\r")[1:]
    assert [look.rstrip() for look in looks] == ["he was\x1b[K", "he was not\x1b[K"]


def test_without_a_terminal_nothing_live_is_written():
    screen = console(is_terminal=False)
    captions = Captions(LiveLine(screen))

    captions.see(interim(" he", " was"))
    captions.see(UtteranceEnded(seq=3, utterance=1, channel=0, end=1.0, reason="silence"))

    assert screen.file.getvalue() == ""


def test_a_finished_utterance_leaves_the_live_line_empty():
    screen = console(is_terminal=True)
    captions = Captions(LiveLine(screen))

    captions.see(interim(" he", " was"))
    captions.see(UtteranceEnded(seq=3, utterance=1, channel=0, end=1.0, reason="silence"))

    assert screen.file.getvalue().endswith("\r\x1b[K")


def test_channels_are_named_when_there_are_two(capsys):
    screen = console(is_terminal=True)
    captions = Captions(LiveLine(screen), num_channels=2)

    captions.see(final("good day", channel=1))
    captions.see(interim(" to", "", channel=0))

    assert capsys.readouterr().out == "[2] good day\n"
    assert "[1] to" in screen.file.getvalue()


def test_what_may_change_is_dim():
    text = open_utterance(interim(" he was", " not"))

    assert text.plain == "he was not"
    assert [(span.start, span.end, span.style) for span in text.spans] == [
        (0, 6, "bold"),
        (6, 10, "dim"),
    ]


@pytest.mark.parametrize(
    ("line", "num_cells", "shown"),
    [
        ("short", 10, "short"),
        ("he was not an ill", 8, "… an ill"),
        ("心地不良", 5, "…不良"),
        ("line\nbreak", 20, "line break"),
    ],
)
def test_long_lines_lose_their_start(line, num_cells, shown):
    assert cropped_left(Text(line), num_cells).plain == shown


def test_the_live_line_never_wraps():
    screen = console(is_terminal=True, width=20)
    LiveLine(screen).show(Text("he was not an ill disposed young man"))

    assert screen.file.getvalue() == "\r…disposed young man\x1b[K"


def test_progress_tells_audio_seconds_and_speed():
    assert progress_line(5.0, 10.0, 2.0).plain.endswith(" 5.0 of 10.0 s of audio, 2.5x real time")
    assert progress_line(5.0, None, 2.0).plain == "5.0 s of audio, 2.5x real time"


@pytest.mark.parametrize(("peak", "num_full"), [(0.0, 0), (0.001, 0), (0.0316, 4), (1.0, 8)])
def test_the_level_meter_is_in_decibels(peak, num_full):
    assert level_meter(peak).plain == "▮" * num_full + "▯" * (8 - num_full)


def test_a_final_takes_its_guess_off_the_live_line_at_once(capsys):
    screen = console(is_terminal=True)
    captions = Captions(LiveLine(screen))

    captions.see(interim(" he", " was"))
    captions.see(final("He was not."))

    assert screen.file.getvalue() == "\rhe was\x1b[K\r\x1b[K\r\x1b[K"


def test_a_prefix_stays_when_the_text_is_too_long():
    screen = console(is_terminal=True, width=20)
    captions = Captions(LiveLine(screen))

    captions.set_prefix(level_meter(1.0))
    captions.see(interim(" he was not an ill disposed young man", ""))

    assert screen.file.getvalue().endswith("\r▮▮▮▮▮▮▮▮ …young man\x1b[K")


def test_a_lost_connection_is_remarked_on_once():
    assert "trying again" in (remark_on(Reconnecting(seq=4, attempt=1)) or "")
    assert remark_on(Reconnecting(seq=4, attempt=2)) is None


def test_a_warning_is_told_with_its_hint():
    warning = WarningEvent(seq=1, code="lagging", message="It is late.", hint="Go on.")
    assert remark_on(warning) == "It is late. Go on."
    assert remark_on(final("hello")) is None
