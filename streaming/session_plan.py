"""What a session is made from."""

from dataclasses import dataclass

from streaming.options import ModelOffer, OptionLimits, SessionOptions
from streaming.resume import Resumption
from streaming.session_limits import SessionLimits
from streaming.speech_gate import SpeechPolicy


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """Who a session is, what it may do and, if it goes on from elsewhere, from where."""

    session_id: str
    options: SessionOptions
    offer: ModelOffer
    option_limits: OptionLimits
    limits: SessionLimits
    speech: SpeechPolicy
    tenant: str = ""
    secret: str = ""
    """With it a client can resume the session; empty where its protocol knows no such thing."""

    opened_at_unix_s: float = 0.0
    resumption: Resumption | None = None
