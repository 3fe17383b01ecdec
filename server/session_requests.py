"""What one session has asked of the speech scorer and the engine, until the answers come."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from server.engine.dispatcher import EngineDispatcher
from server.engine.tickets import Ticket
from server.vad.scorer import SpeechScorer
from server.vad.state import VadState
from streaming.effects import Decode, DecodeRequest, Effect, Purpose, ScoreSpeech
from streaming.session import Session
from streaming.transcript import Hypothesis


@dataclass(frozen=True, slots=True)
class Answering:
    """How answers reach a session.

    `perform` gets what to do with an answer, and sees to failures; `fail` ends the session for one
    of the shell's own.
    """

    perform: Callable[[Callable[[], list[Effect]]], None]
    fail: Callable[[Exception], None]


class SessionRequests:
    """Asks for one session and brings it the answers, on the event loop."""

    def __init__(
        self,
        session: Session,
        session_id: str,
        scorer: SpeechScorer,
        dispatcher: EngineDispatcher,
        answering: Answering,
    ) -> None:
        self._session = session
        self._session_id = session_id
        self._scorer = scorer
        self._dispatcher = dispatcher
        self._answering = answering
        self._vad_states = _vad_states(session.memories())
        self._tickets: dict[int, Ticket] = {}

    def score(self, effect: ScoreSpeech) -> None:
        """Have speech scored; without the scorer a session cannot go on."""

        def on_scores(scores: list[float] | Exception) -> None:
            if isinstance(scores, Exception):
                self._answering.fail(scores)
                return
            memory_after, state.memory_after = state.memory_after, None
            self._answering.perform(
                partial(self._session.on_scores, effect.channel, scores, memory_after)
            )

        state = self._vad_states[effect.channel]
        self._scorer.submit(state, effect.audio, on_scores)

    def decode(self, effect: Decode) -> None:
        """Have a span decoded."""
        request_id = effect.request.id

        def on_answer(answer: Hypothesis | Exception) -> None:
            self._tickets.pop(request_id, None)
            if isinstance(answer, Exception):
                self._answering.perform(lambda: self._session.on_decode_failed(request_id))
            else:
                self._answering.perform(lambda: self._session.on_decoded(request_id, answer))

        self._tickets[request_id] = self._dispatcher.submit(
            effect.request,
            on_answer,
            owner=self._session_id,
            is_live=not self._session.is_ahead(time.monotonic()),
            renew=self._renewed if effect.request.purpose is Purpose.INTERIM else None,
        )

    def withdraw(self, request_id: int) -> None:
        """Need an answer no longer; it still comes if it is on its way."""
        ticket = self._tickets.get(request_id)
        if ticket is not None and self._dispatcher.withdraw(ticket):
            del self._tickets[request_id]

    def close(self) -> None:
        """Let nothing come any more."""
        for ticket in self._tickets.values():
            self._dispatcher.cancel(ticket)
        self._tickets.clear()

    def _renewed(self, request: DecodeRequest) -> DecodeRequest:
        """Let an interim whose turn has come hear the newest audio; others of its batch go on."""
        try:
            return self._session.renewed(request)
        except Exception as error:  # noqa: BLE001 # the client is told
            asyncio.get_running_loop().call_soon(self._answering.fail, error)
            return request


def _vad_states(memories: Sequence[bytes]) -> list[VadState]:
    return [VadState.from_bytes(memory) for memory in memories]
