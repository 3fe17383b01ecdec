"""Subtitles stay inside the limits whatever was said, and lose no word."""

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starling_client import Final, Word
from starling_client.subtitles import make_cues, to_json, to_srt, to_txt, to_vtt

pytestmark = pytest.mark.unit

WORDS = st.one_of(
    st.sampled_from(["he", "was", "not", "ill", "disposed.", "man", "<i>", "-->", "a&b", "Why?"]),
    st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60),
    st.text(st.sampled_from("他并不是一个心地不良的年轻人。、"), min_size=1, max_size=120),
)


def final(text, start, end, *, channel=0, words=None):
    return Final(
        seq=1,
        utterance=1,
        channel=channel,
        text=text,
        start=start,
        end=end,
        language="en",
        confidence=0.9,
        words=words,
    )


@st.composite
def transcripts(draw):
    finals, at_s = [], 0.0
    for _ in range(draw(st.integers(1, 5))):
        said = draw(st.lists(WORDS, min_size=1, max_size=25))
        start = at_s + draw(st.floats(0, 5))
        times = [start]
        for _ in said:
            times.append(times[-1] + draw(st.floats(0, 3)))
        words = None
        if draw(st.booleans()):
            words = tuple(
                Word(f" {word}", begin, end, 1.0)
                for word, begin, end in zip(said, times, times[1:], strict=False)
            )
        channel = draw(st.integers(0, 1))
        finals.append(final(" ".join(said), start, times[-1], channel=channel, words=words))
        at_s = draw(st.sampled_from([times[-1], start]))  # Channels may speak at once.
    return finals


def letters(text):
    return "".join(re.sub(r"^\[\d\] ?", "", text, flags=re.MULTILINE).split())


@given(transcripts())
def test_cues_keep_their_limits_and_every_letter(finals):
    cues = make_cues(finals)

    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < len(line) <= 42 for line in cue.lines)
        assert 1000 <= cue.end_ms - cue.start_ms <= 7000
    for before, after in itertools.pairwise(cues):
        assert before.end_ms <= after.start_ms
    shown = sorted("".join(letters("\n".join(cue.lines)) for cue in cues))
    assert shown == sorted("".join(letters(said.text) for said in finals))


def test_word_times_place_the_cuts_and_a_pause_starts_a_new_cue():
    words = (
        Word(" He", 1.0, 1.2, 0.9),
        Word(" was", 1.2, 2.5, 0.9),
        Word(" not.", 6.0, 7.5, 0.9),
    )

    cues = make_cues([final("He was not.", 1.0, 7.5, words=words)])

    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues] == [
        (1000, 2500, ("He was",)),
        (6000, 7500, ("not.",)),
    ]


def test_without_word_times_text_is_spread_over_the_utterance():
    cues = make_cues([final("one two " * 12, 10.0, 22.0)])

    assert cues[0].start_ms == 10_000
    assert cues[-1].end_ms == 22_000
    assert len(cues) >= 2


def test_lines_of_a_cue_are_about_even():
    (cue,) = make_cues([final("he was not an ill disposed young man unless", 0.0, 3.0)])

    assert cue.lines == ("he was not an ill", "disposed young man unless")


def test_text_without_spaces_is_cut_into_lines():
    cues = make_cues([final("他并不是一个心地不良的年轻人" * 4, 0.0, 10.0)])

    assert all(len(line) <= 21 for cue in cues for line in cue.lines)


def test_srt_is_numbered_and_uses_commas():
    text = to_srt([final("he was", 3661.5, 3663.0), final("not", 3665.0, 3666.0)])

    assert text == (
        "1\n01:01:01,500 --> 01:01:03,000\nhe was\n\n2\n01:01:05,000 --> 01:01:06,000\nnot\n"
    )


def test_srt_text_cannot_pass_for_a_timing_line():
    assert "\na -> b\n" in to_srt([final("a --> b", 0.0, 2.0)])


def test_vtt_escapes_what_would_be_markup():
    text = to_vtt([final("a <b> & c --> d", 0.0, 2.0)])

    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n")
    assert text.endswith("a &lt;b&gt; &amp; c --&gt; d\n")


def test_two_channels_are_told_apart():
    finals = [final("good day", 0.0, 1.0), final("to you", 1.2, 2.0, channel=1)]

    assert to_txt(finals) == "[1] good day\n[2] to you\n"
    assert [cue.lines for cue in make_cues(finals)] == [("[1] good day",), ("[2] to you",)]


def test_json_has_the_text_and_the_finals():
    words = (Word(" he", 0.0, 0.5, 0.9),)

    document = json.loads(to_json([final(" he", 0.0, 0.5, words=words), final("was", 1.0, 2.0)]))

    assert document["text"] == "he was"
    assert document["segments"][0]["words"] == [
        {"word": " he", "start": 0.0, "end": 0.5, "confidence": 0.9}
    ]
    assert "words" not in document["segments"][1]


def test_nothing_said_gives_valid_empty_files():
    assert to_txt([]) == ""
    assert to_srt([]) == ""
    assert to_vtt([]) == "WEBVTT\n"
    assert json.loads(to_json([])) == {"text": "", "segments": []}
