"""Decoded text to words, with or without times."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TypedDict

from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word, letters_of

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km", "bo"})
"""Written without spaces between words; a word is then one character (or a run of others)."""

MIN_UNTIMED_WORDS = 3
"""So many words in a row for which the alignment finds no time were not said: Whisper writes a
phrase again, or goes on past the end of the audio."""

MAX_ECHO_WORD_SAMPLES = 6 * TARGET_RATE_HZ // 100
"""Words that say those before them again were not said if they take no longer than this each.
Nobody speaks half as fast."""

MAX_MEDIAN_SAMPLES = 7 * TARGET_RATE_HZ // 10
_SENTENCE_ENDS = (".", "?", "!", "\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH QUESTION MARK}")
_SPACED = re.compile(r"\s*\S+")
_UNSPACED = re.compile(r"\s*(?:[A-Za-z0-9]+|\S)[\W_]*")


class TimedPiece(TypedDict):
    """One entry of faster-whisper's `find_alignment`; times are seconds within the window."""

    word: str
    tokens: list[int]
    start: float
    end: float
    probability: float


def split_words(text: str, language: str) -> list[str]:
    """Split text into words that keep their leading space and trailing punctuation."""
    pattern = _UNSPACED if language in UNSPACED_LANGUAGES else _SPACED
    return pattern.findall(text)


def plain_words(text: str, language: str) -> tuple[Word, ...]:
    """Return the words of a text without times."""
    return tuple(Word(word) for word in split_words(text, language))


def pieces_after(
    pieces: Sequence[TimedPiece], num_tokens: int, num_samples: int
) -> list[TimedPiece]:
    """Return the pieces that begin after the first `num_tokens`, timed from `num_samples` on."""
    if not num_tokens:
        return list(pieces)
    shift_s = num_samples / TARGET_RATE_HZ
    kept: list[TimedPiece] = []
    at = 0
    for piece in pieces:
        if at >= num_tokens:
            start, end = piece["start"] - shift_s, piece["end"] - shift_s
            kept.append({**piece, "start": start, "end": end})
        at += len(piece["tokens"])
    return kept


def timed_words(
    text: str, language: str, pieces: Sequence[TimedPiece], span: tuple[int, int]
) -> tuple[Word, ...]:
    """Return the words of a text with the times of the aligned pieces that spell them.

    Words that were not said, by their times, are left out.

    Args:
        text: The decoded text.
        language: Its language code.
        pieces: Aligned pieces, in order; joined they are the text.
        span: First and last sample of the decoded audio in the session; words stay inside.
    """
    words = split_words(text, language)
    # A word written without spaces may share its piece with the one before.
    is_spaced = language not in UNSPACED_LANGUAGES
    start_sample, end_sample = span
    timed: list[Word] = []
    untimed: list[bool] = []
    taken: list[TimedPiece] = []
    index, at = 0, start_sample
    for word in words:
        letters = len(word.strip())
        taken = []
        while index < len(pieces) and letters > 0:
            taken.append(pieces[index])
            letters -= len(pieces[index]["word"].strip())
            index += 1
        begin, finish, confidence = _cover(taken, start_sample, at)
        begin = min(max(begin, at), end_sample)
        at = min(max(finish, begin), end_sample)
        timed.append(Word(word, begin, at, confidence))
        untimed.append(is_spaced and bool(taken) and at == begin)
    if is_spaced and taken:
        timed, untimed = _without_copies(timed, untimed)
    return _without_pauses(_without_untimed(timed, untimed))


def writes_phrase_twice(text: str) -> bool:
    """Say whether three words or more are followed by themselves: said twice, or only written."""
    return _copy_in([letters_of(word) for word in text.split()], lambda _: True) is not None


def _without_copies(
    words: Sequence[Word], untimed: Sequence[bool]
) -> tuple[list[Word], list[bool]]:
    """Return words and marks without phrases that say the one before again and have no time to.

    At the end of the text its last words may have a time, which the alignment has left over.
    """
    kept, marks = list(words), list(untimed)

    def has_no_time(copy: slice) -> bool:
        runs = (len(list(run)) for is_untimed, run in groupby(marks[copy]) if is_untimed)
        took = (kept[copy][-1].end_sample or 0) - (kept[copy][0].start_sample or 0)
        is_too_fast = took <= len(kept[copy]) * MAX_ECHO_WORD_SAMPLES
        return is_too_fast or max(runs, default=0) >= MIN_UNTIMED_WORDS

    while (copy := _copy_in([letters_of(word.text) for word in kept], has_no_time)) is not None:
        del kept[copy], marks[copy]
    return kept, marks


def _copy_in(words: Sequence[str], is_wanted: Callable[[slice], bool]) -> slice | None:
    """Return the longest phrase that is said just before, too, of those that are wanted."""
    for num in range(len(words) // 2, MIN_UNTIMED_WORDS - 1, -1):
        for at in range(num, len(words) - num + 1):
            copy = slice(at, at + num)
            is_same = words[at] == words[at - num] and words[copy] == words[at - num : at]
            if is_same and is_wanted(copy):
                return copy
    return None


def _without_untimed(words: Sequence[Word], untimed: Sequence[bool]) -> list[Word]:
    """Return the words without long runs of untimed ones; all, where none has a time."""
    if all(untimed):
        return list(words)
    kept: list[Word] = []
    for is_untimed, pairs in groupby(zip(untimed, words, strict=True), key=itemgetter(0)):
        run = [word for _, word in pairs]
        if not is_untimed or len(run) < MIN_UNTIMED_WORDS:
            kept += run
    return kept


def _without_pauses(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words, with those at the edges of sentences cut to a plausible length.

    The alignment gives the silence of a pause to the word before or after it. A word is taken to be
    at most twice as long as the median one, as in OpenAI's and faster-whisper's own word times.
    """
    lengths = sorted(_length(word) for word in words if _length(word) > 0)
    if not lengths:
        return tuple(words)
    longest = 2 * min(lengths[len(lengths) // 2], MAX_MEDIAN_SAMPLES)
    cut: list[Word] = []
    ends_sentence = False
    for word in words:
        follows_sentence, ends_sentence = ends_sentence, word.text.endswith(_SENTENCE_ENDS)
        start, end = word.start_sample or 0, word.end_sample or 0
        if end - start > longest and ends_sentence:
            end = start + longest
        elif end - start > longest and follows_sentence:
            start = end - longest
        cut.append(replace(word, start_sample=start, end_sample=end))
    return tuple(cut)


def _length(word: Word) -> int:
    return (word.end_sample or 0) - (word.start_sample or 0)


def _cover(
    pieces: Sequence[TimedPiece], start_sample: int, fallback: int
) -> tuple[int, int, float]:
    if not pieces:
        return fallback, fallback, 0.0
    tokens = sum(len(piece["tokens"]) for piece in pieces) or 1
    weighted = sum(piece["probability"] * len(piece["tokens"]) for piece in pieces)
    begin = start_sample + int(pieces[0]["start"] * TARGET_RATE_HZ)
    finish = start_sample + int(pieces[-1]["end"] * TARGET_RATE_HZ)
    return begin, finish, float(min(1.0, weighted / tokens))
