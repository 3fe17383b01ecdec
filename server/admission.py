"""How many sessions are open, whether one more may be, and how all of them end."""

import asyncio
from typing import Protocol

from streaming.errors import ErrorCode, StarlingError
from streaming.overload import Load, Rung

RETRY_AFTER_S = 5.0


class Endable(Protocol):
    """A session that can be asked to finish."""

    def finish(self, error: StarlingError) -> None:
        """Publish what was heard, tell `error`, close."""

    def set_load(self, load: Load) -> None:
        """Leave out what a server this busy leaves out."""

    def hand_over(self) -> None:
        """Finish what the engine has and send the client elsewhere; end where it cannot go on."""

    def leave(self) -> None:
        """Send the client elsewhere without waiting for anything."""


class Admission:
    """Knows the open sessions; bounded by `max_sessions`, beyond which clients are refused."""

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions
        self._num_open = 0
        self._running: set[Endable] = set()
        self._load = Load()
        self._is_closing = False
        self._hands_over = False
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    @property
    def num_open(self) -> int:
        """Sessions open now."""
        return self._num_open

    @property
    def max_sessions(self) -> int:
        """Sessions that may be open."""
        return self._max_sessions

    @property
    def is_closing(self) -> bool:
        """Whether the server is shutting down."""
        return self._is_closing

    def enter(self) -> None:
        """Count a session in.

        Raises:
            StarlingError: OVERLOADED or GOING_AWAY, with when to try again.
        """
        if self._is_closing:
            raise going_away()
        if self._load.rung is Rung.REFUSING:
            raise StarlingError(
                ErrorCode.OVERLOADED,
                f"finals are {self._load.final_wait_s:.0f} s late: no more sessions are taken",
                "try again later, or another replica",
                retry_after_s=RETRY_AFTER_S,
            )
        if self._num_open >= self._max_sessions:
            raise StarlingError(
                ErrorCode.OVERLOADED,
                f"all {self._max_sessions} sessions are taken",
                "try again later, or ask the operator to raise max_sessions",
                retry_after_s=RETRY_AFTER_S,
            )
        self._num_open += 1
        self._all_gone.clear()

    def leave(self) -> None:
        """Count a session out."""
        self._num_open -= 1
        if self._num_open == 0:
            self._all_gone.set()

    def add(self, session: Endable) -> None:
        """Note a running session, to end it when the server stops."""
        self._running.add(session)
        session.set_load(self._load)
        if self._is_closing:
            self._end(session)

    def remove(self, session: Endable) -> None:
        """Forget a session that has ended."""
        self._running.discard(session)

    def set_load(self, load: Load) -> None:
        """Tell every session, open now or later, how busy the server is."""
        self._load = load
        for session in list(self._running):
            session.set_load(load)

    async def close(self, timeout_s: float, *, hands_over: bool = False) -> bool:
        """Refuse new sessions and let the open ones finish; say whether all did in time.

        With `hands_over` they go on elsewhere; those that have not left by half the time are sent
        away at once.
        """
        self._is_closing = True
        self._hands_over = hands_over
        for session in list(self._running):
            self._end(session)
        if hands_over:
            if await self._are_gone(timeout_s / 2):
                return True
            timeout_s /= 2
            for session in list(self._running):
                session.leave()
        return await self._are_gone(timeout_s)

    def _end(self, session: Endable) -> None:
        if self._hands_over:
            session.hand_over()
        else:
            session.finish(going_away())

    async def _are_gone(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._all_gone.wait()
        except TimeoutError:
            return False
        return True


def going_away() -> StarlingError:
    """Return what clients are told while the server shuts down."""
    return StarlingError(
        ErrorCode.GOING_AWAY,
        "the server is shutting down",
        "connect again in a moment",
        retry_after_s=RETRY_AFTER_S,
    )
