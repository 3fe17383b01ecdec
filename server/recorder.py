"""Between a session and the journal: what is committed when, and what may be sent before that.

A client must never hear a final that another replica would word or number differently after a
crash. So what goes into the log is held back until it is written, and an ack until the state is
from which its audio is not needed. When the store does not answer, captions are not held back any
longer, but acks are left out: the client keeps its audio.
"""

from collections.abc import Callable

from server.journal import Journal, Writer
from server.outbox import Gate
from server.stores.base import Commit, Identity, Tenure
from server.while_alive import while_alive
from streaming.effects import Emit
from streaming.event_log import KeptEvent, LoggedEvent, event_to_bytes
from streaming.events import (
    AudioAcknowledged,
    Closed,
    GoingAway,
    SessionReady,
    SessionResumed,
)
from streaming.session import Session

COMMITTED = (KeptEvent, AudioAcknowledged, SessionReady, SessionResumed, GoingAway)
"""What makes a commit: all but interims, starts of speech and pongs."""


class Recorder:
    """One session's commits; belongs to its runner.

    Args:
        tenure: The right to write, and how far the log goes.
        identity: Whose session it is.
        journal: Where commits go.
        on_change: Called when what may be sent has changed.
        on_taken: Called when somebody else owns the session now.
    """

    def __init__(
        self,
        tenure: Tenure,
        identity: Identity,
        journal: Journal,
        on_change: Callable[[], None],
        on_taken: Callable[[], None],
    ) -> None:
        self._ownership = tenure.ownership
        self._identity = identity
        self._logged_seq = tenure.logged_seq
        self._journal = journal
        self._on_change = on_change
        self._writer = Writer(
            tenure.ownership, while_alive(self._note_written), on_taken, on_change
        )
        self._number = 0
        self._written = 0
        self._events: list[LoggedEvent] = []
        self._is_due = False
        self._is_closed = False
        self._is_frozen = False
        journal.enroll(self._ownership.session_id, self._writer)

    def note(self, emit: Emit) -> Gate | None:
        """Take an event that is about to be sent; return what it must wait for, if anything."""
        event = emit.event
        if self._is_frozen or not isinstance(event, COMMITTED):
            return None
        if isinstance(event, KeptEvent):
            if emit.seq <= self._logged_seq:
                return None
            self._events.append(LoggedEvent(emit.seq, event_to_bytes(event)))
            self._logged_seq = emit.seq
        self._is_due = True
        self._is_closed = self._is_closed or isinstance(event, Closed)
        number = self._number + 1
        return Gate(lambda: self._state(number), is_promise=isinstance(event, AudioAcknowledged))

    def settle(self, session: Session) -> None:
        """Commit what was noted, with the state that follows it."""
        if not self._is_due:
            return
        self._is_due = False
        self._number += 1
        commit = Commit(
            self._ownership,
            self._identity,
            tuple(self._events),
            session.snapshot().to_bytes(),
            self._is_closed,
            self._number,
        )
        self._events.clear()
        self._journal.write(commit)

    def freeze(self) -> None:
        """Keep the stored state as it is: the session ends here, but may go on elsewhere."""
        self._is_frozen = True
        self._on_change()

    def end(self) -> None:
        """Hear no more of what is still written."""
        self._journal.dismiss(self._ownership.session_id, self._writer)

    def _note_written(self, number: int) -> None:
        self._written = number
        self._on_change()

    def _state(self, number: int) -> bool | None:
        """Say whether commit `number` is written; None when nobody should wait for it."""
        if number <= self._written:
            return True
        return None if self._is_frozen or self._journal.is_degraded else False
