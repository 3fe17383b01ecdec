"""Runs a session on a connection, new or resumed; the same on every transport."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from server.connection import Connection
from server.dialects.base import Dialect
from server.resuming import ClosedSessionError
from server.session_opening import SessionFactory
from server.session_runner import SessionRunner
from server.stores.base import Tenure
from streaming.errors import StarlingError
from streaming.events import ClientEvent, Failed, ServerEvent
from streaming.options import OptionRequest
from streaming.resume import ResumeRequest
from streaming.session_plan import SessionPlan

log = structlog.get_logger()

ReceivedT = TypeVar("ReceivedT")
SentT = TypeVar("SentT")

SECRET_BYTES = 18


def new_session(plan: SessionPlan, tenant: str, *, can_resume: bool) -> SessionPlan:
    """Return the plan with its owner; with a secret where its protocol can resume."""
    secret = secrets.token_urlsafe(SECRET_BYTES) if can_resume else ""
    return replace(plan, tenant=tenant, secret=secret, opened_at_unix_s=time.time())


class Host:
    """One connection that becomes a session.

    Args:
        factory: What all sessions share.
        dialect: The connection's vocabulary.
        connection: Where messages come and go.
        tenant: Whose key the client has.
    """

    def __init__(
        self,
        factory: SessionFactory,
        dialect: Dialect[ReceivedT, SentT],
        connection: Connection[ReceivedT, SentT],
        tenant: str,
    ) -> None:
        self._factory = factory
        self._dialect = dialect
        self._connection = connection
        self._tenant = tenant

    async def run(
        self,
        plan: SessionPlan,
        first: Sequence[ClientEvent] = (),
        tenure: Tenure | None = None,
    ) -> StarlingError | None:
        """Run a session to the end of its connection; return what ended it, if anything did.

        Raises:
            StarlingError: TENANT_LIMIT; nothing was said yet.
        """
        tenants = self._factory.keeping.tenants
        await tenants.enter(self._tenant, plan.session_id)
        runner = SessionRunner(
            plan, self._dialect, self._connection, self._factory.services, tenure
        )
        self._factory.admission.add(runner)
        broadcast = self._factory.viewing.broadcast
        interims = broadcast.begin(plan.session_id)
        try:
            await runner.run(first)
            return runner.error
        finally:
            self._factory.admission.remove(runner)
            broadcast.end(plan.session_id, interims)
            await tenants.leave(
                self._tenant, plan.session_id, keeps_place=runner.may_go_on_elsewhere
            )

    async def resume(self, request: ResumeRequest, idle_timeout_s: float) -> StarlingError | None:
        """Go on with a session that lost its connection, as `run` does.

        Raises:
            StarlingError: It cannot be resumed, and why.
        """
        template = replace(self._factory.plan(OptionRequest(), idle_timeout_s), tenant=self._tenant)
        try:
            plan, tenure = await self._factory.keeping.resuming.take_over(
                request, self._tenant, template
            )
        except ClosedSessionError as closed:
            return await self._say_rest([(logged.seq, logged.event) for logged in closed.missed])
        return await self.run(plan, (), tenure)

    async def _say_rest(self, events: Sequence[tuple[int, ServerEvent]]) -> StarlingError | None:
        error = None
        for seq, event in events:
            if isinstance(event, Failed):
                error = event.error
            for message in self._dialect.encode(seq, event):
                await self._connection.send(message.data)
        await self._connection.close(error)
        return error
