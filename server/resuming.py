"""Finds a session that a client wants to go on with, and takes it over."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from server.journal import Journal
from server.metrics import Metrics
from server.stores.base import (
    MAX_EVENTS_PER_READ,
    SessionStore,
    StoredSession,
    StoreUnavailableError,
    Tenure,
)
from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import LoggedEvent
from streaming.resume import ResumeRequest, Resumption, check_last_seq
from streaming.session_plan import SessionPlan
from streaming.snapshot import SessionSnapshot

log = structlog.get_logger()

RETRY_AFTER_S = 1.0


class ClosedSessionError(Exception):
    """The session has ended; these are the events that the client has not heard."""

    def __init__(self, missed: Sequence[LoggedEvent]) -> None:
        super().__init__("the session has ended")
        self.missed = tuple(missed)


class Resuming:
    """Takes sessions over for one replica."""

    def __init__(
        self, store: SessionStore, journal: Journal, metrics: Metrics, replica: str
    ) -> None:
        self._store = store
        self._journal = journal
        self._metrics = metrics
        self._replica = replica

    async def take_over(
        self, request: ResumeRequest, tenant: str, template: SessionPlan
    ) -> tuple[SessionPlan, Tenure]:
        """Claim the session and return how it goes on.

        Args:
            request: What the client showed.
            tenant: Whose key the client has; a session of another's is not found.
            template: The limits of this server, in a plan for a new session.

        Raises:
            StarlingError: SESSION_NOT_FOUND, STORE_UNAVAILABLE or PROTOCOL_VIOLATION.
            ClosedSessionError: It has ended; only what was missed is left to say.
        """
        try:
            plan, tenure = await self._take_over(request, tenant, template)
        except StarlingError as error:
            self._metrics.resumes.labels(error.code.value).inc()
            raise
        except StoreUnavailableError:
            self._metrics.resumes.labels(ErrorCode.STORE_UNAVAILABLE.value).inc()
            raise StarlingError(
                ErrorCode.STORE_UNAVAILABLE,
                "the session store does not answer",
                "keep the audio and try again",
                retry_after_s=RETRY_AFTER_S,
            ) from None
        self._metrics.resumes.labels("resumed").inc()
        return plan, tenure

    async def _take_over(
        self, request: ResumeRequest, tenant: str, template: SessionPlan
    ) -> tuple[SessionPlan, Tenure]:
        found = await self._store.load(request.session_id)
        if (
            found is None
            or not found.identity.has_secret(request.secret)
            or found.identity.tenant != tenant
        ):
            raise _not_found()
        # An owner in this process stops first, so that the claim finds all that it has written.
        await self._journal.settle(request.session_id)
        claimed = await self._store.claim(request.session_id, self._replica)
        if claimed is None:
            raise _not_found()
        missed = await self._events_after(request)
        if claimed.is_closed:
            raise ClosedSessionError(missed)
        return self._plan(request, claimed, missed, template), Tenure(
            claimed.ownership, claimed.last_seq
        )

    async def _events_after(self, request: ResumeRequest) -> list[LoggedEvent]:
        events: list[LoggedEvent] = []
        after = request.last_seq
        while True:
            piece = await self._store.events_after(request.session_id, after)
            events += piece
            if len(piece) < MAX_EVENTS_PER_READ:
                return events
            after = piece[-1].seq

    def _plan(
        self,
        request: ResumeRequest,
        claimed: StoredSession,
        missed: list[LoggedEvent],
        template: SessionPlan,
    ) -> SessionPlan:
        try:
            snapshot = SessionSnapshot.from_bytes(claimed.snapshot)
        except ValueError as error:
            log.warning("snapshot not understood", session=request.session_id, error=str(error))
            raise _not_found() from None
        check_last_seq(request, snapshot)
        if snapshot.options.model != template.offer.name:
            raise StarlingError(
                ErrorCode.MODEL_NOT_AVAILABLE,
                f"the session uses model {snapshot.options.model!r}, which is not loaded here",
                "try again, to reach another replica, or open a new session",
            )
        elapsed_s = max(0.0, time.time() - snapshot.opened_at_unix_s)
        return replace(
            template,
            session_id=request.session_id,
            secret=request.secret,
            options=snapshot.options,
            opened_at_unix_s=snapshot.opened_at_unix_s,
            resumption=Resumption(snapshot, request.last_seq, tuple(missed), elapsed_s),
        )


def _not_found() -> StarlingError:
    return StarlingError(
        ErrorCode.SESSION_NOT_FOUND,
        "there is no such session, its time is over, or the secret is not its own",
        "open a new session and send the audio that you kept",
    )
