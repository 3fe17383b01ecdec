"""Async client of a Starling server: send audio, iterate over captions.

Needs Python 3.11 and `websockets`, nothing else. Start with `StarlingClient`.
"""

from starling_client.errors import ConnectionLost, StarlingError
from starling_client.events import (
    Ack,
    Closed,
    EffectiveOptions,
    ErrorEvent,
    Event,
    Final,
    Finalized,
    GoingAway,
    Interim,
    Pong,
    Ready,
    Reconnecting,
    Resumed,
    SpeechStarted,
    Summary,
    UnknownEvent,
    Updated,
    UtteranceEnded,
    WarningEvent,
    Word,
)
from starling_client.options import SessionOptions, TunableOptions
from starling_client.pacing import RealTime
from starling_client.reconnecting import ReconnectPolicy
from starling_client.session import Session, StarlingClient

__all__ = [
    "Ack",
    "Closed",
    "ConnectionLost",
    "EffectiveOptions",
    "ErrorEvent",
    "Event",
    "Final",
    "Finalized",
    "GoingAway",
    "Interim",
    "Pong",
    "Ready",
    "RealTime",
    "ReconnectPolicy",
    "Reconnecting",
    "Resumed",
    "Session",
    "SessionOptions",
    "SpeechStarted",
    "StarlingClient",
    "StarlingError",
    "Summary",
    "TunableOptions",
    "UnknownEvent",
    "Updated",
    "UtteranceEnded",
    "WarningEvent",
    "Word",
]
