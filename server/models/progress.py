"""Telling a person how far a fetch has come, on standard error.

On a terminal: one bar for the whole job, with bytes, speed and time left. Elsewhere (a log, CI):
one short line at the start and then at most one every ten seconds or 25 %.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LINE_EVERY_S = 10.0
_LINE_EVERY_SHARE = 0.25
_MB = 1e6


class FetchProgress(Protocol):
    """Where a fetch reports to; one job at a time, `begin` to `end`."""

    def begin(self, title: str, total_bytes: int | None) -> None:
        """A job starts; the total is None when nobody knows it."""

    def reach(self, done_bytes: int) -> None:
        """So many bytes of the job are done; may be called as often as one likes."""

    def end(self) -> None:
        """The job is over, well or not."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""


class BarProgress:
    """One bar on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def begin(self, title: str, total_bytes: int | None) -> None:
        """Draw the bar."""
        # Rich takes a tenth of a second to import, which a server with a cached model need not pay.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self.end()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._stream),
        )
        self._task = self._bar.add_task(title, total=total_bytes)
        self._bar.start()

    def reach(self, done_bytes: int) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done_bytes)

    def end(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)


class LineProgress:
    """A few plain lines, for logs.

    Args:
        stream: Where the lines go.
        clock: Monotonic seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._title = ""
        self._total_bytes: int | None = None
        self._told_at = 0.0
        self._told_share = 0.0

    def begin(self, title: str, total_bytes: int | None) -> None:
        """Say what starts and how large it is."""
        self._title, self._total_bytes = title, total_bytes
        self._told_at, self._told_share = self._clock(), 0.0
        self.note(title if total_bytes is None else f"{title} ({total_bytes / _MB:,.0f} MB)")

    def reach(self, done_bytes: int) -> None:
        """Say how far it is, if enough time or enough bytes have passed."""
        now = self._clock()
        share = done_bytes / self._total_bytes if self._total_bytes else 0.0
        due = now - self._told_at >= _LINE_EVERY_S
        if not due and share < min(1.0, self._told_share + _LINE_EVERY_SHARE):
            return
        if share <= self._told_share and self._total_bytes:
            return
        self._told_at, self._told_share = now, share
        percent = f"{share:.0%}, " if self._total_bytes else ""
        self.note(f"{self._title}: {percent}{done_bytes / _MB:,.0f} MB")

    def end(self) -> None:
        """Say nothing: the caller tells how it ended."""

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)


def stderr_progress() -> FetchProgress:
    """Return what suits standard error: a bar on a terminal, else lines."""
    return BarProgress(sys.stderr) if sys.stderr.isatty() else LineProgress(sys.stderr)
