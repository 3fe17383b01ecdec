"""Finals as text, JSON, SubRip (SRT) and WebVTT.

Cues follow the usual subtitling limits: at most two lines of 42 columns, shown for 1 to 7
seconds, in order and never two at once. A character of Chinese, Japanese or Korean takes two
columns. Word times place the cuts when the finals carry words; otherwise text is spread over the
utterance in proportion to its length. With two channels each cue says whose it is, as `[2]`.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from starling_client.events import Final

MAX_LINE_COLUMNS = 42
MAX_LINES = 2
MIN_CUE_MS = 1000
MAX_CUE_MS = 7000
_PAUSE_MS = 1000  # A silence this long starts a new cue: nobody is speaking the old one.
_SENTENCE_END = re.compile(r"[.!?…\u3002\uff01\uff1f][\"'”\u2019)»]*$")


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: when it shows, in whole milliseconds, and its one or two lines."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of text no line break may fall into, and when it was said."""

    text: str
    start_ms: int
    end_ms: int
    glued: bool = False  # No space between it and the token before.


def to_txt(finals: Sequence[Final]) -> str:
    """Write one line for each final."""
    lines = [_label(finals, final) + _one_line(final.text) for final in _ordered(finals)]
    return "".join(f"{line}\n" for line in lines)


def to_json(finals: Sequence[Final]) -> str:
    """Write a JSON object with the whole `text` and the finals as `segments`, times in seconds."""
    segments = []
    for final in _ordered(finals):
        segment = asdict(final)
        del segment["seq"]
        if final.words is None:
            del segment["words"]
        segments.append(segment)
    text = " ".join(_one_line(final.text) for final in _ordered(finals))
    return json.dumps({"text": text, "segments": segments}, ensure_ascii=False, indent=2) + "\n"


def to_srt(finals: Sequence[Final]) -> str:
    """Write a SubRip file."""
    blocks = []
    for number, cue in enumerate(make_cues(finals), start=1):
        # SubRip has no escapes, so the one sequence that could pass for a timing line goes.
        text = "\n".join(cue.lines).replace("-->", "->")
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{text}\n")
    return "\n".join(blocks)


def to_vtt(finals: Sequence[Final]) -> str:
    """Write a WebVTT file."""
    blocks = ["WEBVTT\n"]
    for cue in make_cues(finals):
        text = "\n".join(cue.lines)
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
        blocks.append(f"{times}\n{text}\n")
    return "\n".join(blocks)


def make_cues(finals: Sequence[Final]) -> list[Cue]:
    """Cut finals into cues that can be read, in order of time and without overlap."""
    groups: list[list[_Token]] = []
    for final in _ordered(finals):
        groups.extend(_group(_tokens(final), _label(finals, final)))
    groups.sort(key=lambda tokens: tokens[0].start_ms)
    cues: list[Cue] = []
    for index, tokens in enumerate(groups):
        following = groups[index + 1][0].start_ms if index + 1 < len(groups) else None
        earliest = cues[-1].end_ms if cues else 0
        start, end = _cue_times(tokens, earliest, following)
        cues.append(Cue(start, end, tuple(_wrapped(tokens))))
    return cues


def _cue_times(tokens: Sequence[_Token], earliest: int, following: int | None) -> tuple[int, int]:
    """Fit a cue between its neighbours; the shortest time wins over the next cue's start."""
    start = max(tokens[0].start_ms, earliest)
    end = max(tokens[-1].end_ms, start + MIN_CUE_MS)
    if following is not None:
        end = max(min(end, following), start + MIN_CUE_MS)
    return start, min(end, start + MAX_CUE_MS)


def _group(tokens: Sequence[_Token], label: str) -> Iterator[list[_Token]]:
    """Gather tokens while they fit one cue, with the channel's label in front of each."""
    group: list[_Token] = []
    for token in tokens:
        if group and not _belongs(group, token):
            yield group
            group = []
        if not group and label:
            group = [_Token(label.strip(), token.start_ms, token.start_ms)]
        follows_label = len(group) == 1 and bool(label)
        group.append(replace(token, glued=False) if follows_label else token)
    if group:
        yield group


def _belongs(group: Sequence[_Token], token: _Token) -> bool:
    if token.end_ms - group[0].start_ms > MAX_CUE_MS:
        return False
    if token.start_ms - group[-1].end_ms >= _PAUSE_MS:
        return False
    is_full_line = len(_wrapped(group)) > 1
    if is_full_line and not token.glued and _SENTENCE_END.search(group[-1].text):
        return False
    return len(_wrapped([*group, token])) <= MAX_LINES


def _wrapped(tokens: Sequence[_Token]) -> list[str]:
    """Break tokens into lines, two of them as even as the limit allows."""
    lines = _filled(tokens, MAX_LINE_COLUMNS)
    if len(lines) == MAX_LINES:
        for columns in range(sum(map(_columns, lines)) // 2, MAX_LINE_COLUMNS):
            evener = _filled(tokens, columns)
            if len(evener) == MAX_LINES and max(map(_columns, evener)) <= MAX_LINE_COLUMNS:
                return evener
    return lines


def _filled(tokens: Sequence[_Token], columns: int) -> list[str]:
    lines: list[str] = []
    for token in tokens:
        longer = f"{lines[-1]}{'' if token.glued else ' '}{token.text}" if lines else token.text
        if lines and _columns(longer) <= columns:
            lines[-1] = longer
        else:
            lines.append(token.text)
    return lines


def _tokens(final: Final) -> list[_Token]:
    """Split a final at its spaces, and what is wider than a line anywhere, with times."""
    timeline = _Timeline(final)
    tokens: list[_Token] = []
    num_letters = 0
    for word in final.text.split():
        for index, piece in enumerate(_pieces(word)):
            start = timeline.start_of(num_letters)
            num_letters += len(piece)
            tokens.append(_Token(piece, start, timeline.end_of(num_letters - 1), glued=index > 0))
    return tokens


def _pieces(word: str) -> Iterator[str]:
    """Cut a word into pieces of which several fit a line, if it is wider than one."""
    if _columns(word) <= MAX_LINE_COLUMNS:
        yield word
        return
    piece = ""
    for character in word:
        if piece and (_columns(piece + character) > MAX_LINE_COLUMNS // 2):
            yield piece
            piece = ""
        piece += character
        if unicodedata.category(character) == "Po":
            yield piece
            piece = ""
    if piece:
        yield piece


class _Timeline:
    """When each letter of a final was said, in whole milliseconds.

    Letters are counted without spaces, so it does not matter how the words carry theirs.
    """

    def __init__(self, final: Final) -> None:
        self._num_letters = len("".join(final.text.split()))
        spans = [("".join(word.word.split()), word.start, word.end) for word in final.words or ()]
        self._spans = [span for span in spans if span[0]]
        if not self._spans:
            self._spans = [("x" * max(1, self._num_letters), final.start, final.end)]
        self._scale = sum(len(text) for text, _, _ in self._spans) / max(1, self._num_letters)

    def start_of(self, letter: int) -> int:
        """When the letter with this index began."""
        return self._at(letter, 0)

    def end_of(self, letter: int) -> int:
        """When the letter with this index ended: the next one may begin much later."""
        return self._at(letter, 1)

    def _at(self, letter: int, offset: int) -> int:
        index = letter * self._scale
        for text, start, end in self._spans:
            if index < len(text):
                share = min(1.0, (index + offset * self._scale) / len(text))
                return round(1000 * (start + (end - start) * share))
            index -= len(text)
        return round(1000 * self._spans[-1][2])


def _ordered(finals: Iterable[Final]) -> list[Final]:
    return sorted(
        (final for final in finals if final.text.strip()),
        key=lambda final: (final.start, final.channel),
    )


def _label(finals: Sequence[Final], final: Final) -> str:
    """Name the channel when there is more than one, counted from 1 as people do."""
    return f"[{final.channel + 1}] " if any(f.channel != final.channel for f in finals) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _clock(time_ms: int, point: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"
