"""Captions in a terminal: finished lines on stdout, one live line on stderr.

The live line is replaced by one write of carriage return, text and erase-to-end, so it never
flickers; it is cropped at its left, because the newest words are the ones to see. Without a
terminal on stderr nothing live is written and stdout holds the finished lines alone.
"""

import math
import sys

from rich.console import Console
from rich.text import Text

from starling_client import (
    Event,
    Final,
    Interim,
    Reconnecting,
    Resumed,
    SpeechStarted,
    UtteranceEnded,
    WarningEvent,
)

_ERASE_TO_END = "\x1b[K"
_BAR_CELLS = 24
_LEVEL_CELLS = 8

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of a table that goes to a file or a pipe."""
_QUIETEST_DBFS = -60.0


def remark_on(event: Event) -> str | None:
    """Return what a user should know of the connection and the server, if anything."""
    match event:
        case WarningEvent():
            return f"{event.message} {event.hint}".strip()
        case Reconnecting(attempt=1):
            return "The connection is lost; trying again. Nothing is lost meanwhile ..."
        case Resumed():
            return "Connected again."
        case _:
            return None


class LiveLine:
    """The last line of the terminal, replaced in place."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._shown = Text()

    @property
    def num_cells(self) -> int:
        """How many columns it can show without wrapping."""
        return self._console.width - 1

    @property
    def is_live(self) -> bool:
        """Whether anyone can see the line."""
        return self._console.is_terminal

    def show(self, line: Text) -> None:
        """Replace the line."""
        self._shown = line
        if self.is_live:
            self._write(self._rendered(line))

    def clear(self) -> None:
        """Leave an empty line behind."""
        self.show(Text())

    def finish_line(self, text: str, following: Text) -> None:
        """Put a line for good on stdout, and what is `following` on the live line below it."""
        if self.is_live:
            self._write("")
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        self.show(following)

    def note(self, text: str) -> None:
        """Put a remark for the user on stderr, above the live line."""
        if self.is_live:
            self._write("")
        self._console.print(text, style="dim", markup=False, soft_wrap=True)
        self.show(self._shown)

    def tell(self, event: Event) -> None:
        """Note what an event says of the connection and the server, if anything."""
        remark = remark_on(event)
        if remark is not None:
            self.note(remark)

    def _rendered(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(cropped_left(line, self.num_cells), end="", soft_wrap=True)
        return capture.get()

    def _write(self, rendered: str) -> None:
        self._console.file.write(f"\r{rendered}{_ERASE_TO_END}")
        self._console.file.flush()


class Captions:
    """What a session has said so far: finals as lines, open utterances on the live line."""

    def __init__(self, line: LiveLine, num_channels: int = 1) -> None:
        self._line = line
        self._has_channels = num_channels > 1
        self._open: dict[int, Text] = {}
        self._prefix = Text()

    def see(self, event: Event) -> None:
        """Bring the terminal up to date with an event."""
        match event:
            case SpeechStarted():
                self._open[event.channel] = Text("…", style="dim")
            case Interim():
                self._open[event.channel] = open_utterance(event)
            case UtteranceEnded():
                self._open.pop(event.channel, None)
            case Final():
                self._open.pop(event.channel, None)
                said = f"{self._label(event.channel)}{event.text.strip()}"
                self._line.finish_line(said, self._live_text())
                return
            case _:
                return
        self._line.show(self._live_text())

    def set_prefix(self, prefix: Text) -> None:
        """Show something before the open utterance, such as a level meter."""
        self._prefix = prefix
        self._line.show(self._live_text())

    def _live_text(self) -> Text:
        """Compose the prefix and the open utterance of each channel; the prefix is never cut."""
        spoken = Text("  ").join(
            Text(self._label(channel), style="dim").append_text(text)
            for channel, text in sorted(self._open.items())
        )
        if not self._prefix:
            return spoken
        room = max(1, self._line.num_cells - self._prefix.cell_len - 1)
        return Text.assemble(self._prefix, " ", cropped_left(spoken, room))

    def _label(self, channel: int) -> str:
        return f"[{channel + 1}] " if self._has_channels else ""


def open_utterance(interim: Interim) -> Text:
    """Colour a guess: what will stay as it is solid, what may change dim."""
    committed = interim.committed.lstrip()
    tentative = interim.tentative if committed else interim.tentative.lstrip()
    return Text().append(committed, style="bold").append(tentative, style="dim")


def cropped_left(line: Text, num_cells: int) -> Text:
    """Cut from the start, with an ellipsis, until the line fits `num_cells` columns."""
    line = Text(" ").join(line.split("\n")) if "\n" in line.plain else line
    if line.cell_len <= num_cells:
        return line
    start = len(line.plain)
    cells = 1
    while start > 0 and (cells := cells + Text(line.plain[start - 1]).cell_len) <= num_cells:
        start -= 1
    return Text("…", style="dim").append_text(line[start:])


def progress_bar(share: float) -> Text:
    """Draw how much of something is done, 0 to 1."""
    num_full = round(_BAR_CELLS * max(0.0, min(1.0, share)))
    line = Text("━" * num_full, style="cyan")
    return line.append("━" * (_BAR_CELLS - num_full), style="bright_black")


def progress_line(done_s: float, total_s: float | None, elapsed_s: float) -> Text:
    """How far a file is: a bar, audio seconds, and speed as a multiple of real time."""
    line = Text()
    if total_s:
        line.append_text(progress_bar(done_s / total_s))
        line.append(f" {done_s:.1f} of {total_s:.1f} s of audio")
    else:
        line.append(f"{done_s:.1f} s of audio")
    if elapsed_s > 0 and done_s > 0:
        line.append(f", {done_s / elapsed_s:.1f}x real time", style="dim")
    return line


def level_meter(peak: float) -> Text:
    """Draw a bar for a peak of 0 to 1, on a scale of decibels."""
    level_db = 20 * math.log10(peak) if peak > 0 else _QUIETEST_DBFS
    share = max(0.0, min(1.0, 1 - level_db / _QUIETEST_DBFS))
    num_full = round(_LEVEL_CELLS * share)
    style = "red" if peak >= 0.99 else "green"
    meter = Text("▮" * num_full, style=style)
    return meter.append("▯" * (_LEVEL_CELLS - num_full), style="bright_black")
