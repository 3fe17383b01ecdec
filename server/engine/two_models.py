"""Two models behind one engine: a small, quick one for interims, the other for all that stays.

Committed words stay, so checkpoints go to the larger model like finals. Interims that the small
model cannot do (its languages, translation) go there too.
"""

from collections.abc import Callable, Hashable, Sequence

from server.engine.base import Answer, Engine, never
from streaming.effects import DecodeRequest, Purpose
from streaming.options import ModelOffer, Task


class TwoModelEngine:
    """An engine whose interims come from `interim_engine`; clients see the model of `engine`."""

    def __init__(self, engine: Engine, interim_engine: Engine) -> None:
        self._engine = engine
        self._interim_engine = interim_engine

    @property
    def offer(self) -> ModelOffer:
        """The larger model's name and languages."""
        return self._engine.offer

    def batch_key(self, request: DecodeRequest) -> Hashable:
        """Return which model it is for, and that model's key."""
        chosen = self._chosen(request)
        return chosen is self._interim_engine, chosen.batch_key(request)

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        """Transcribe requests that share a batch key, so a model."""
        return self._chosen(requests[0]).decode(requests, must_hurry)

    def warm_up(self) -> None:
        """Warm both models up."""
        self._engine.warm_up()
        self._interim_engine.warm_up()

    def _chosen(self, request: DecodeRequest) -> Engine:
        can_do = (
            request.language in self._interim_engine.offer.languages
            and request.task is Task.TRANSCRIBE
        )
        is_interim = request.purpose is Purpose.INTERIM
        return self._interim_engine if is_interim and can_do else self._engine
