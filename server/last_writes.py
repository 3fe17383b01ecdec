"""What was written last of each session, in case the store loses it.

A store that fails over may come back without its last writes. They are few, and their owner still
has them: the newest state, and enough events to fill what a failover can lose of the log.
"""

from dataclasses import replace

from server.stores.base import Commit, Ownership

MAX_EVENTS = 64
"""Finals and ends of some two minutes of speech; a failover loses seconds."""


class LastWrites:
    """One commit a session, of all that was written lately.

    Bounded: holds `MAX_EVENTS` events a session; then the oldest are forgotten.
    """

    def __init__(self) -> None:
        self._commits: dict[str, Commit] = {}

    def note(self, commit: Commit) -> None:
        """Take it that this was written."""
        whole = self.joined(commit)
        self._commits[commit.ownership.session_id] = replace(
            whole, events=whole.events[-MAX_EVENTS:]
        )

    def joined(self, commit: Commit) -> Commit:
        """Return the commit with the events that were written before it."""
        before = self._commits.get(commit.ownership.session_id)
        if before is None:
            return commit
        return replace(commit, events=before.events + commit.events)

    def get(self, session_id: str) -> Commit | None:
        """Return what was written last of a session."""
        return self._commits.get(session_id)

    def number(self, ownership: Ownership) -> int:
        """Return the number of an owner's last written commit, 0 for none."""
        before = self._commits.get(ownership.session_id)
        is_own = before is not None and before.ownership.token == ownership.token
        return before.number if before is not None and is_own else 0

    def all(self) -> list[Commit]:
        """Return what was written last of every session."""
        return list(self._commits.values())

    def forget(self, session_id: str) -> None:
        """Forget a session that is over, or that is about to be written anew."""
        self._commits.pop(session_id, None)
