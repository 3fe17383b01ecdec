"""Every message of Starling's native protocol, as typed models.

`docs/protocol.schema.json` and the message tables of `docs/protocol.md` are generated from this
file (`make docs`); a test fails when they are stale. Client messages reject unknown fields, so a
misspelt option is told, not ignored. Server messages may gain fields in later versions: clients
must ignore fields they do not know.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Encoding = Literal["pcm_s16le", "pcm_f32le", "mulaw", "alaw", "container"]
Task = Literal["transcribe", "translate"]
ChannelMode = Literal["split", "mix"]
EndReason = Literal["silence", "pause", "max_duration", "finalize", "stop"]


class ClientMessage(BaseModel):
    """What a client may send as a text message."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TunableOptions(ClientMessage):
    """Options that may change while the session runs; an omitted field keeps its value."""

    language: str | None = Field(
        None, description="Language code such as `en`, or `auto` to detect it once per session."
    )
    task: Task | None = Field(None, description="`translate` renders any language in English.")
    interim: bool | None = Field(None, description="Send `interim` messages (default true).")
    words: bool | None = Field(
        None, description="Send `words` with times and confidence (default false)."
    )
    endpoint_silence_ms: int | None = Field(
        None, description="Silence that ends an utterance, in milliseconds."
    )
    max_utterance_s: float | None = Field(
        None, description="Longest utterance in seconds; then it is cut at its quietest place."
    )
    prompt: str | None = Field(
        None,
        description="What was said before: sets names, spelling, style. Not what is about to be "
        "said: Whisper leaves out what it finds here.",
    )
    keyterms: list[str] | None = Field(
        None, description="Words or names to favour; shares the space of `prompt`."
    )


class Start(TunableOptions):
    """Opens the session; must come before audio unless query parameters said it all."""

    type: Literal["start"] = "start"
    encoding: Encoding | None = Field(
        None,
        description="Raw samples, or `container` for WebM, Ogg, MP3, FLAC, WAV (default).",
    )
    sample_rate: int | None = Field(
        None, description="Samples per second of raw audio, 8000 to 48000; containers tell theirs."
    )
    channels: int | None = Field(None, description="1 or 2 channels, interleaved (default 1).")
    channel_mode: ChannelMode | None = Field(
        None, description="Two channels: a transcript each (`split`, default) or `mix`ed to one."
    )
    model: str | None = Field(None, description="A model this server has loaded.")


class Resume(ClientMessage):
    """Goes on with a session on a new connection, in place of `start`. Answered by `resumed`."""

    type: Literal["resume"] = "resume"
    session: str = Field(max_length=64, description="The session's id, from `ready`.")
    secret: str = Field(max_length=128, description="The session's secret, from `ready`.")
    last_seq: int = Field(ge=0, description="`seq` of the last message that arrived.")


class Finalize(ClientMessage):
    """Ends the current utterance now; the session goes on. Answered by `finalized`."""

    type: Literal["finalize"] = "finalize"
    id: str | None = Field(None, max_length=128, description="Echoed in `finalized`.")


class Update(TunableOptions):
    """Changes options mid-stream. Answered by `updated`."""

    type: Literal["update"] = "update"


class Ping(ClientMessage):
    """Asks for a `pong`; also counts as activity for the idle limit."""

    type: Literal["ping"] = "ping"
    id: str | None = Field(None, max_length=128, description="Echoed in `pong`.")


class Stop(ClientMessage):
    """No more audio: everything heard is finalised, then `closed`."""

    type: Literal["stop"] = "stop"


AnyClientMessage = Annotated[
    Start | Resume | Finalize | Update | Ping | Stop, Field(discriminator="type")
]
CLIENT_MESSAGE: TypeAdapter[AnyClientMessage] = TypeAdapter(AnyClientMessage)


class ServerMessage(BaseModel):
    """What the server sends; one JSON object a text message."""

    model_config = ConfigDict(frozen=True)

    seq: int = Field(
        description="Grows with every message. Numbers left out belonged to interims that a "
        "newer one replaced before a slow reader took them."
    )


class WireWord(BaseModel):
    """One word with its place in the audio."""

    word: str
    start: float = Field(description="Seconds of audio from the session's start.")
    end: float = Field(description="Seconds of audio from the session's start.")
    confidence: float = Field(description="Mean token probability, 0 to 1.")


class EffectiveOptions(BaseModel):
    """The options in force after defaults and limits."""

    encoding: Encoding
    sample_rate: int | None = Field(description="Null until a container has told its own.")
    channels: int
    channel_mode: ChannelMode
    language: str
    task: Task
    interim: bool
    words: bool
    endpoint_silence_ms: int
    max_utterance_s: float
    model: str


class Ready(ServerMessage):
    """The session is open; audio may flow."""

    type: Literal["ready"] = "ready"
    session: str = Field(description="Session id, for logs, support and `resume`.")
    secret: str = Field(
        "", description="Shown with `resume`; whoever knows it can take the session."
    )
    options: EffectiveOptions


class Resumed(ServerMessage):
    """The session goes on here. What was missed came before; audio is sent again from `sample`."""

    type: Literal["resumed"] = "resumed"
    session: str
    options: EffectiveOptions
    offset: float = Field(description="Seconds of audio that are dealt with.")
    sample: int = Field(
        description="Send audio again from this sample of your own on (counted in one channel, at "
        "your rate); 0, its first byte, for a container."
    )


class SpeechStarted(ServerMessage):
    """Speech began; an utterance is open until its `utterance_ended`."""

    type: Literal["speech_started"] = "speech_started"
    utterance: int = Field(description="Unique in the session; grows within a channel.")
    channel: int
    start: float = Field(description="Seconds of audio.")


class Interim(ServerMessage):
    """The current guess of the whole open utterance; each replaces the one before."""

    type: Literal["interim"] = "interim"
    utterance: int
    channel: int
    committed: str = Field(description="Will not change again: the final begins with it.")
    tentative: str = Field(
        description="May change. Begins with its own space: `committed + tentative` is the text."
    )
    start: float
    end: float = Field(description="How far into the audio this guess listened, in seconds.")
    words: list[WireWord] | None = Field(None, description="Present when `words` was asked for.")
    language: str | None = None


class Final(ServerMessage):
    """The utterance's text for good. Left out when nothing was said in it."""

    type: Literal["final"] = "final"
    utterance: int
    channel: int
    text: str
    start: float
    end: float
    words: list[WireWord] | None = Field(None, description="Present when `words` was asked for.")
    language: str = Field(description="The language that was spoken, also when translating.")
    confidence: float = Field(description="Average token probability of the text, 0 to 1.")


class UtteranceEnded(ServerMessage):
    """The utterance is over; its `final`, if any, came just before."""

    type: Literal["utterance_ended"] = "utterance_ended"
    utterance: int
    channel: int
    end: float
    reason: EndReason


class Finalized(ServerMessage):
    """All audio received before this `finalize` is in finals."""

    type: Literal["finalized"] = "finalized"
    id: str | None = None
    offset: float = Field(description="Seconds of audio.")


class Updated(ServerMessage):
    """The `update` is in force: for endpointing at once, for text from the next decode."""

    type: Literal["updated"] = "updated"
    options: EffectiveOptions


class Pong(ServerMessage):
    """Answers `ping`."""

    type: Literal["pong"] = "pong"
    id: str | None = None


class Ack(ServerMessage):
    """Audio before this place is transcribed and will not be needed again."""

    type: Literal["ack"] = "ack"
    offset: float = Field(description="Seconds of audio.")
    sample: int = Field(
        0,
        description="The same as a number of your own samples in one channel, less what a "
        "resampler needs to warm up: forget what came before. Always 0 for a container.",
    )


class GoingAway(ServerMessage):
    """This server stops: connect again and `resume`; the socket closes with 1012."""

    type: Literal["going_away"] = "going_away"
    reconnect_within_s: float = Field(
        description="Wait a random time up to this, so that not all clients come at once."
    )


class WarningMessage(ServerMessage):
    """Something the client should know; the session goes on."""

    type: Literal["warning"] = "warning"
    code: str
    message: str
    hint: str


class Error(ServerMessage):
    """The session cannot go on; `closed` follows."""

    type: Literal["error"] = "error"
    code: str = Field(description="One of the codes in the error table.")
    message: str
    hint: str
    retryable: bool
    retry_after_s: float | None = None


class Summary(BaseModel):
    """What the session amounted to."""

    audio_s: float = Field(description="Seconds of audio received, per channel.")
    speech_s: float = Field(description="Seconds inside utterances, summed over channels.")
    utterances: int
    finals: int


class Closed(ServerMessage):
    """The last message of every session."""

    type: Literal["closed"] = "closed"
    reason: str = Field(description="`stop`, or the code of the error that ended the session.")
    summary: Summary


AnyServerMessage = Annotated[
    Ready
    | Resumed
    | GoingAway
    | SpeechStarted
    | Interim
    | Final
    | UtteranceEnded
    | Finalized
    | Updated
    | Pong
    | Ack
    | WarningMessage
    | Error
    | Closed,
    Field(discriminator="type"),
]
SERVER_MESSAGE: TypeAdapter[AnyServerMessage] = TypeAdapter(AnyServerMessage)
