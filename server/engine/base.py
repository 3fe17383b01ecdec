"""What the rest of the server knows of an engine."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from streaming.effects import DecodeRequest
from streaming.options import ModelOffer
from streaming.transcript import Hypothesis


class Why(Enum):
    """Why one decode is not enough."""

    DEGENERATE = auto()
    CONTEXT = auto()
    """It did not go on from the words before."""

    UNSAID = auto()
    """Speech at its end is in no word of it."""


@dataclass(frozen=True, slots=True)
class Again:
    """No answer yet: `request` is to be decoded instead, in a batch of its own kind."""

    request: DecodeRequest
    why: Why


@dataclass(frozen=True, slots=True)
class Later:
    """No answer yet: something more urgent waits, and the request is to be decoded after that."""


Answer = Hypothesis | Again | Later | Exception


def never() -> bool:
    """Say that nothing more urgent waits."""
    return False


class Engine(Protocol):
    """Transcribes batches. `decode` is called from engine threads, several at once."""

    @property
    def offer(self) -> ModelOffer:
        """The model's name and languages."""

    def batch_key(self, request: DecodeRequest) -> Hashable:
        """Return what requests must share to run in one batch."""

    def decode(
        self, requests: Sequence[DecodeRequest], must_hurry: Callable[[], bool] = never
    ) -> list[Answer]:
        """Transcribe requests that share a batch key, in order; one row's failure is its own.

        All but the first may be answered with `Later` once `must_hurry` says so; it may be called
        from any thread.
        """

    def warm_up(self) -> None:
        """Run once on silence, so that the first caption does not pay for lazy set-up."""
