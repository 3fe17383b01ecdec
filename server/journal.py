"""Writes what sessions commit to the store, in order, without letting a slow store stall captions.

One task writes; what sessions commit meanwhile goes with the next write, so a busy replica makes
few large trips. A session's commits that wait are merged: its events in order and the newest
state. When a write takes longer than `PATIENCE_S` or fails, the journal is *degraded*: sessions
stop waiting for it, health says so, and it tries again until everything is written. What a store
that failed over has lost is written again (`last_writes.py`).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from server.last_writes import LastWrites
from server.metrics import Metrics
from server.stores.base import (
    Commit,
    Ownership,
    SessionStore,
    Standing,
    StoreUnavailableError,
    Tenure,
)

log = structlog.get_logger()

PATIENCE_S = 0.25
"""How long a final may wait for the store before it is sent without."""

MAX_COMMITS_PER_WRITE = 64
FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 2.0

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""About half an hour without a store for a thousand sessions."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A session's owner here, who is told what became of its commits."""

    ownership: Ownership
    on_written: Callable[[int], None]
    on_taken: Callable[[], None]
    on_waiting_changed: Callable[[], None]


@dataclass(slots=True)
class _Waiting:
    commit: Commit
    size_bytes: int


class Journal:
    """The queue in front of the store and the task that empties it.

    Bounded: holds `MAX_WAITING_BYTES`; beyond that the session that has waited longest is given
    up: its captions go on, but it can be resumed only from what was written before.
    """

    def __init__(self, store: SessionStore, metrics: Metrics, replica: str) -> None:
        self._store = store
        self._replica = replica
        self._metrics = metrics
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._waiting_bytes = 0
        self._writers: dict[str, Writer] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._in_flight: frozenset[str] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._last_writes = LastWrites()
        self._has_failed = False
        self.is_degraded = False

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="journal")

    async def close(self, timeout_s: float) -> None:
        """Write what waits, for so long, and end."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("sessions could not be stored", sessions=len(self._waiting))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def new_tenure(self, session_id: str) -> Tenure:
        """Return what a new session's owner begins with."""
        return Tenure(Ownership(session_id, 1, self._replica))

    def enroll(self, session_id: str, writer: Writer) -> None:
        """Tell `writer` of this session's commits from now on."""
        self._writers[session_id] = writer

    def dismiss(self, session_id: str, writer: Writer) -> None:
        """Tell no more; what waits is still written."""
        if self._writers.get(session_id) is not writer:
            return
        del self._writers[session_id]
        if not self._is_pending(session_id):
            self._last_writes.forget(session_id)

    async def check(self) -> None:
        """Keep open sessions from expiring, and write again what the store has lost of them.

        Raises:
            StoreUnavailableError: They may expire.
        """
        written = self._last_writes.all()
        standings = await self._store.touch(written)
        for commit, standing in zip(written, standings, strict=True):
            session_id = commit.ownership.session_id
            if standing is Standing.TAKEN and self._is_writers(commit):
                self.lose(session_id)
                continue
            newest = self._last_writes.get(session_id)
            if standing is Standing.BEHIND and newest and not self._is_pending(session_id):
                self._write_again(newest)

    def lose(self, session_id: str) -> None:
        """Tell a session's owner here that another replica owns it now."""
        writer = self._writers.get(session_id)
        if writer is not None:
            self._metrics.sessions_fenced.inc()
            writer.on_taken()

    async def settle(self, session_id: str) -> None:
        """Stop a session's owner here, if any, and write what it had committed."""
        writer = self._writers.get(session_id)
        if writer is not None:
            writer.on_taken()
        while self._is_pending(session_id):
            if self.is_degraded:
                return
            self._settled.clear()
            await self._settled.wait()

    def write(self, commit: Commit) -> None:
        """Queue a commit."""
        session_id = commit.ownership.session_id
        before = self._waiting.get(session_id)
        if before is not None:
            commit = _merged(before.commit, commit)
        self._put(session_id, commit)
        while self._waiting_bytes > MAX_WAITING_BYTES and len(self._waiting) > 1:
            self._forget(next(iter(self._waiting)))
            self._metrics.store_given_up.inc()

    def note_failure(self, reason: str) -> None:
        """Take it that the store cannot be reached now."""
        self._has_failed = True
        self._degrade(reason)

    def _degrade(self, reason: str) -> None:
        if self.is_degraded:
            return
        self.is_degraded = True
        self._metrics.store_degraded.set(1)
        log.warning("store degraded", reason=reason, waiting=len(self._waiting))
        self._tell_waiting_changed()

    def note_success(self) -> None:
        """Take it that the store answers; with nothing left to write all is well again."""
        if not self.is_degraded or self._waiting:
            return
        self.is_degraded = False
        self._metrics.store_degraded.set(0)
        log.info("store caught up")
        self._tell_waiting_changed()

    def _tell_waiting_changed(self) -> None:
        self._settled.set()
        for writer in list(self._writers.values()):
            writer.on_waiting_changed()

    def _is_pending(self, session_id: str) -> bool:
        return session_id in self._waiting or session_id in self._in_flight

    def _is_writers(self, commit: Commit) -> bool:
        writer = self._writers.get(commit.ownership.session_id)
        return writer is not None and writer.ownership.token == commit.ownership.token

    def _put(self, session_id: str, commit: Commit) -> None:
        before = self._waiting.get(session_id)
        size = len(commit.snapshot) + sum(len(event.data) for event in commit.events)
        self._waiting_bytes += size - (before.size_bytes if before is not None else 0)
        self._waiting[session_id] = _Waiting(commit, size)
        self._note_queue()

    def _forget(self, session_id: str) -> _Waiting:
        waiting = self._waiting.pop(session_id)
        self._waiting_bytes -= waiting.size_bytes
        self._note_queue()
        return waiting

    def _note_queue(self) -> None:
        self._metrics.store_waiting.set(len(self._waiting))
        if self._waiting:
            self._idle.clear()
            self._changed.set()

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            while not self._waiting:
                self._idle.set()
                self._changed.clear()
                await self._changed.wait()
            batch = [self._forget(name) for name in list(self._waiting)[:MAX_COMMITS_PER_WRITE]]
            self._in_flight = frozenset(w.commit.ownership.session_id for w in batch)
            try:
                standings = await self._write_patiently([waiting.commit for waiting in batch])
                self._note_landed()
                for waiting, standing in zip(batch, standings, strict=True):
                    self._answer(waiting.commit, standing)
                batch.clear()
                await self._check_after_failure()
            except StoreUnavailableError as error:
                self._metrics.store_failures.inc()
                log.debug("store unavailable", error=str(error))
                self._put_back(batch)
                self._note_landed()
                self.note_failure(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, MAX_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self.note_success()

    async def _check_after_failure(self) -> None:
        if self._has_failed:
            await self.check()
            self._has_failed = False

    def _note_landed(self) -> None:
        self._in_flight = frozenset()
        self._settled.set()

    async def _write_patiently(self, commits: list[Commit]) -> list[Standing]:
        started_at = time.monotonic()
        placed = [
            replace(commit, after_number=self._last_writes.number(commit.ownership))
            for commit in commits
        ]
        writing = asyncio.ensure_future(self._store.commit(placed))
        try:
            done, _ = await asyncio.wait({writing}, timeout=PATIENCE_S)
            if not done:
                self._degrade(f"a write takes longer than {PATIENCE_S} s")
            return await writing
        finally:
            writing.cancel()
            self._metrics.store_commit_seconds.observe(time.monotonic() - started_at)

    def _put_back(self, batch: list[_Waiting]) -> None:
        """Queue again, first in line, under what was committed since."""
        for waiting in reversed(batch):
            session_id = waiting.commit.ownership.session_id
            newer = self._waiting.get(session_id)
            if newer is None:
                self._put(session_id, waiting.commit)
            else:
                self._put(session_id, _merged(waiting.commit, newer.commit))
            self._waiting.move_to_end(session_id, last=False)

    def _answer(self, commit: Commit, standing: Standing) -> None:
        session_id = commit.ownership.session_id
        if standing is Standing.BEHIND:
            self._write_again(self._last_writes.joined(commit))
        elif not self._is_writers(commit):
            if session_id not in self._writers:
                self._last_writes.forget(session_id)
        elif standing is Standing.OWNED:
            self._last_writes.note(commit)
            self._writers[session_id].on_written(commit.number)
        else:
            self.lose(session_id)

    def _write_again(self, commit: Commit) -> None:
        """Queue what the store has lost, before what was committed since."""
        self._metrics.store_rewritten.inc()
        self._last_writes.forget(commit.ownership.session_id)
        self._put_back([_Waiting(commit, 0)])


def _merged(older: Commit, newer: Commit) -> Commit:
    """Return one commit that says what both say; a new owner's state replaces the old one's."""
    if older.ownership.token != newer.ownership.token:
        return newer
    return replace(newer, events=older.events + newer.events)
