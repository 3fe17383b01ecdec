"""The one vocabulary between every wire protocol and the session.

Client events come in, server events go out; dialects translate, and know nothing else.
All places in the audio are 16 kHz samples from the session's start.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from streaming.errors import StarlingError
from streaming.options import OptionRequest, SessionOptions
from streaming.transcript import Word

Samples = npt.NDArray[np.float32]
"""Mono audio at 16 kHz, float32 in -1 to 1, shape (n,)."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """Audio bytes in the session's declared encoding; any split of the stream is allowed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FinalizeRequested:
    """End the open utterance now and say when all audio so far is in finals."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    """New choices in mid-stream."""

    request: OptionRequest


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The client asks whether we are there."""

    id: str | None = None


@dataclass(frozen=True, slots=True)
class StopRequested:
    """No more audio will come; finish what was heard."""


ClientEvent = AudioReceived | FinalizeRequested | OptionsChanged | PingReceived | StopRequested


class EndReason(StrEnum):
    """Which rule ended an utterance."""

    SILENCE = "silence"
    PAUSE = "pause"
    MAX_DURATION = "max_duration"
    FINALIZE = "finalize"
    STOP = "stop"


class WarningCode(StrEnum):
    """Conditions that a client should know and a session survives."""

    DECODE_FAILED = "decode_failed"
    LAGGING = "lagging"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session is open with these options; with `secret` it can be resumed, if that is set."""

    session_id: str
    options: SessionOptions
    secret: str = ""


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """The session goes on: everything missed was said before this.

    Audio is needed again from `offset_samples` on, the client's own sample `client_sample`.
    """

    session_id: str
    options: SessionOptions
    offset_samples: int
    client_sample: int


@dataclass(frozen=True, slots=True)
class GoingAway:
    """This server stops; the session can be resumed on another at once."""

    reconnect_within_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance opened; `continues` when the one before was cut and its speech goes on."""

    utterance: int
    channel: int
    start_sample: int
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Interim:
    """The open utterance as understood so far: words that stay, and words that may change."""

    utterance: int
    channel: int
    committed: tuple[Word, ...]
    tentative: tuple[Word, ...]
    start_sample: int
    end_sample: int
    language: str


@dataclass(frozen=True, slots=True)
class Final:
    """An utterance's words for good."""

    utterance: int
    channel: int
    words: tuple[Word, ...]
    start_sample: int
    end_sample: int
    language: str
    confidence: float


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """An utterance closed; its Final, if it had words, came before."""

    utterance: int
    channel: int
    end_sample: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class SilenceReached:
    """So much silence has followed the last speech; finals of that speech came before."""

    channel: int
    silence_ms: int
    speech_end_sample: int


@dataclass(frozen=True, slots=True)
class Finalized:
    """Everything received before the request is in finals."""

    id: str | None
    offset_samples: int


@dataclass(frozen=True, slots=True)
class OptionsUpdated:
    """The changed options are in force."""

    options: SessionOptions


@dataclass(frozen=True, slots=True)
class PongSent:
    """Answers a ping."""

    id: str | None


@dataclass(frozen=True, slots=True)
class AudioAcknowledged:
    """Audio before this place will not be needed again; nor the client's own before its sample."""

    offset_samples: int
    client_sample: int


@dataclass(frozen=True, slots=True)
class Warned:
    """The session goes on, but not as the client may think."""

    code: WarningCode
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The session cannot go on."""

    error: StarlingError


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of every session."""

    reason: str
    audio_samples: int
    speech_samples: int
    num_utterances: int
    num_finals: int


ServerEvent = (
    SessionReady
    | SessionResumed
    | GoingAway
    | SpeechStarted
    | Interim
    | Final
    | UtteranceEnded
    | SilenceReached
    | Finalized
    | OptionsUpdated
    | PongSent
    | AudioAcknowledged
    | Warned
    | Failed
    | Closed
)
