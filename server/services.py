"""What all sessions and files of a server share."""

from dataclasses import dataclass

from server.engine.dispatcher import EngineDispatcher
from server.journal import Journal
from server.metrics import Metrics
from server.vad.scorer import SpeechScorer
from server.viewers.broadcast import Broadcast


@dataclass(frozen=True, slots=True)
class Services:
    """The scorer, the engine's queue, the metrics, and where sessions are kept and shown."""

    scorer: SpeechScorer
    dispatcher: EngineDispatcher
    metrics: Metrics
    journal: Journal | None = None
    """Without it sessions are kept nowhere and end with their connection."""
    broadcast: Broadcast | None = None
    """Without it viewers see no interims."""
