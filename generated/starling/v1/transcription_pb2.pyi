from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_PCM_S16LE: _ClassVar[Encoding]
    ENCODING_PCM_F32LE: _ClassVar[Encoding]
    ENCODING_MULAW: _ClassVar[Encoding]
    ENCODING_ALAW: _ClassVar[Encoding]
    ENCODING_CONTAINER: _ClassVar[Encoding]

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_TRANSCRIBE: _ClassVar[Task]
    TASK_TRANSLATE: _ClassVar[Task]

class ChannelMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_MODE_UNSPECIFIED: _ClassVar[ChannelMode]
    CHANNEL_MODE_SPLIT: _ClassVar[ChannelMode]
    CHANNEL_MODE_MIX: _ClassVar[ChannelMode]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_SILENCE: _ClassVar[EndReason]
    END_REASON_PAUSE: _ClassVar[EndReason]
    END_REASON_MAX_DURATION: _ClassVar[EndReason]
    END_REASON_FINALIZE: _ClassVar[EndReason]
    END_REASON_STOP: _ClassVar[EndReason]
ENCODING_UNSPECIFIED: Encoding
ENCODING_PCM_S16LE: Encoding
ENCODING_PCM_F32LE: Encoding
ENCODING_MULAW: Encoding
ENCODING_ALAW: Encoding
ENCODING_CONTAINER: Encoding
TASK_UNSPECIFIED: Task
TASK_TRANSCRIBE: Task
TASK_TRANSLATE: Task
CHANNEL_MODE_UNSPECIFIED: ChannelMode
CHANNEL_MODE_SPLIT: ChannelMode
CHANNEL_MODE_MIX: ChannelMode
END_REASON_UNSPECIFIED: EndReason
END_REASON_SILENCE: EndReason
END_REASON_PAUSE: EndReason
END_REASON_MAX_DURATION: EndReason
END_REASON_FINALIZE: EndReason
END_REASON_STOP: EndReason

class WatchRequest(_message.Message):
    __slots__ = ("session", "after")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    session: str
    after: int
    def __init__(self, session: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("seq", "interim", "final", "utterance_ended", "closed")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_ENDED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    interim: Interim
    final: Final
    utterance_ended: UtteranceEnded
    closed: Closed
    def __init__(self, seq: _Optional[int] = ..., interim: _Optional[_Union[Interim, _Mapping]] = ..., final: _Optional[_Union[Final, _Mapping]] = ..., utterance_ended: _Optional[_Union[UtteranceEnded, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ...) -> None: ...

class StreamingTranscribeRequest(_message.Message):
    __slots__ = ("start", "audio", "finalize", "update", "ping", "stop", "resume")
    START_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    start: Start
    audio: bytes
    finalize: Finalize
    update: Update
    ping: Ping
    stop: Stop
    resume: Resume
    def __init__(self, start: _Optional[_Union[Start, _Mapping]] = ..., audio: _Optional[bytes] = ..., finalize: _Optional[_Union[Finalize, _Mapping]] = ..., update: _Optional[_Union[Update, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ...) -> None: ...

class StreamingTranscribeResponse(_message.Message):
    __slots__ = ("seq", "ready", "speech_started", "interim", "final", "utterance_ended", "finalized", "updated", "pong", "ack", "warning", "error", "closed", "resumed", "going_away")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    SPEECH_STARTED_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_ENDED_FIELD_NUMBER: _ClassVar[int]
    FINALIZED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    GOING_AWAY_FIELD_NUMBER: _ClassVar[int]
    seq: int
    ready: Ready
    speech_started: SpeechStarted
    interim: Interim
    final: Final
    utterance_ended: UtteranceEnded
    finalized: Finalized
    updated: Updated
    pong: Pong
    ack: Ack
    warning: Warning
    error: Error
    closed: Closed
    resumed: Resumed
    going_away: GoingAway
    def __init__(self, seq: _Optional[int] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., speech_started: _Optional[_Union[SpeechStarted, _Mapping]] = ..., interim: _Optional[_Union[Interim, _Mapping]] = ..., final: _Optional[_Union[Final, _Mapping]] = ..., utterance_ended: _Optional[_Union[UtteranceEnded, _Mapping]] = ..., finalized: _Optional[_Union[Finalized, _Mapping]] = ..., updated: _Optional[_Union[Updated, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ..., resumed: _Optional[_Union[Resumed, _Mapping]] = ..., going_away: _Optional[_Union[GoingAway, _Mapping]] = ...) -> None: ...

class TranscribeRequest(_message.Message):
    __slots__ = ("options", "audio")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    options: Start
    audio: bytes
    def __init__(self, options: _Optional[_Union[Start, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class TranscribeResponse(_message.Message):
    __slots__ = ("text", "finals", "duration", "options")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINALS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    text: str
    finals: _containers.RepeatedCompositeFieldContainer[Final]
    duration: float
    options: EffectiveOptions
    def __init__(self, text: _Optional[str] = ..., finals: _Optional[_Iterable[_Union[Final, _Mapping]]] = ..., duration: _Optional[float] = ..., options: _Optional[_Union[EffectiveOptions, _Mapping]] = ...) -> None: ...

class Keyterms(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[str]] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("language", "task", "interim", "words", "endpoint_silence_ms", "max_utterance_s", "prompt", "keyterms", "encoding", "sample_rate", "channels", "channel_mode", "model")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_S_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_MODE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    language: str
    task: Task
    interim: bool
    words: bool
    endpoint_silence_ms: int
    max_utterance_s: float
    prompt: str
    keyterms: Keyterms
    encoding: Encoding
    sample_rate: int
    channels: int
    channel_mode: ChannelMode
    model: str
    def __init__(self, language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., interim: _Optional[bool] = ..., words: _Optional[bool] = ..., endpoint_silence_ms: _Optional[int] = ..., max_utterance_s: _Optional[float] = ..., prompt: _Optional[str] = ..., keyterms: _Optional[_Union[Keyterms, _Mapping]] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., sample_rate: _Optional[int] = ..., channels: _Optional[int] = ..., channel_mode: _Optional[_Union[ChannelMode, str]] = ..., model: _Optional[str] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("language", "task", "interim", "words", "endpoint_silence_ms", "max_utterance_s", "prompt", "keyterms")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_S_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    language: str
    task: Task
    interim: bool
    words: bool
    endpoint_silence_ms: int
    max_utterance_s: float
    prompt: str
    keyterms: Keyterms
    def __init__(self, language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., interim: _Optional[bool] = ..., words: _Optional[bool] = ..., endpoint_silence_ms: _Optional[int] = ..., max_utterance_s: _Optional[float] = ..., prompt: _Optional[str] = ..., keyterms: _Optional[_Union[Keyterms, _Mapping]] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("session", "secret", "last_seq")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    session: str
    secret: str
    last_seq: int
    def __init__(self, session: _Optional[str] = ..., secret: _Optional[str] = ..., last_seq: _Optional[int] = ...) -> None: ...

class Finalize(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Word(_message.Message):
    __slots__ = ("word", "start", "end", "confidence")
    WORD_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    word: str
    start: float
    end: float
    confidence: float
    def __init__(self, word: _Optional[str] = ..., start: _Optional[float] = ..., end: _Optional[float] = ..., confidence: _Optional[float] = ...) -> None: ...

class Words(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Word]
    def __init__(self, items: _Optional[_Iterable[_Union[Word, _Mapping]]] = ...) -> None: ...

class EffectiveOptions(_message.Message):
    __slots__ = ("encoding", "sample_rate", "channels", "channel_mode", "language", "task", "interim", "words", "endpoint_silence_ms", "max_utterance_s", "model")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_MODE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_S_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    sample_rate: int
    channels: int
    channel_mode: ChannelMode
    language: str
    task: Task
    interim: bool
    words: bool
    endpoint_silence_ms: int
    max_utterance_s: float
    model: str
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., sample_rate: _Optional[int] = ..., channels: _Optional[int] = ..., channel_mode: _Optional[_Union[ChannelMode, str]] = ..., language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., interim: _Optional[bool] = ..., words: _Optional[bool] = ..., endpoint_silence_ms: _Optional[int] = ..., max_utterance_s: _Optional[float] = ..., model: _Optional[str] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("session", "options", "secret")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    session: str
    options: EffectiveOptions
    secret: str
    def __init__(self, session: _Optional[str] = ..., options: _Optional[_Union[EffectiveOptions, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class Resumed(_message.Message):
    __slots__ = ("session", "options", "offset", "sample")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    session: str
    options: EffectiveOptions
    offset: float
    sample: int
    def __init__(self, session: _Optional[str] = ..., options: _Optional[_Union[EffectiveOptions, _Mapping]] = ..., offset: _Optional[float] = ..., sample: _Optional[int] = ...) -> None: ...

class GoingAway(_message.Message):
    __slots__ = ("reconnect_within_s",)
    RECONNECT_WITHIN_S_FIELD_NUMBER: _ClassVar[int]
    reconnect_within_s: float
    def __init__(self, reconnect_within_s: _Optional[float] = ...) -> None: ...

class SpeechStarted(_message.Message):
    __slots__ = ("utterance", "channel", "start")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    channel: int
    start: float
    def __init__(self, utterance: _Optional[int] = ..., channel: _Optional[int] = ..., start: _Optional[float] = ...) -> None: ...

class Interim(_message.Message):
    __slots__ = ("utterance", "channel", "committed", "tentative", "start", "end", "words", "language")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    TENTATIVE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    channel: int
    committed: str
    tentative: str
    start: float
    end: float
    words: Words
    language: str
    def __init__(self, utterance: _Optional[int] = ..., channel: _Optional[int] = ..., committed: _Optional[str] = ..., tentative: _Optional[str] = ..., start: _Optional[float] = ..., end: _Optional[float] = ..., words: _Optional[_Union[Words, _Mapping]] = ..., language: _Optional[str] = ...) -> None: ...

class Final(_message.Message):
    __slots__ = ("utterance", "channel", "text", "start", "end", "words", "language", "confidence")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    channel: int
    text: str
    start: float
    end: float
    words: Words
    language: str
    confidence: float
    def __init__(self, utterance: _Optional[int] = ..., channel: _Optional[int] = ..., text: _Optional[str] = ..., start: _Optional[float] = ..., end: _Optional[float] = ..., words: _Optional[_Union[Words, _Mapping]] = ..., language: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...

class UtteranceEnded(_message.Message):
    __slots__ = ("utterance", "channel", "end", "reason")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    channel: int
    end: float
    reason: EndReason
    def __init__(self, utterance: _Optional[int] = ..., channel: _Optional[int] = ..., end: _Optional[float] = ..., reason: _Optional[_Union[EndReason, str]] = ...) -> None: ...

class Finalized(_message.Message):
    __slots__ = ("id", "offset")
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    id: str
    offset: float
    def __init__(self, id: _Optional[str] = ..., offset: _Optional[float] = ...) -> None: ...

class Updated(_message.Message):
    __slots__ = ("options",)
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: EffectiveOptions
    def __init__(self, options: _Optional[_Union[EffectiveOptions, _Mapping]] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("offset", "sample")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    offset: float
    sample: int
    def __init__(self, offset: _Optional[float] = ..., sample: _Optional[int] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("code", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    hint: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message", "hint", "retryable", "retry_after_s")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    hint: str
    retryable: bool
    retry_after_s: float
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., retryable: _Optional[bool] = ..., retry_after_s: _Optional[float] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("audio_s", "speech_s", "utterances", "finals")
    AUDIO_S_FIELD_NUMBER: _ClassVar[int]
    SPEECH_S_FIELD_NUMBER: _ClassVar[int]
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    FINALS_FIELD_NUMBER: _ClassVar[int]
    audio_s: float
    speech_s: float
    utterances: int
    finals: int
    def __init__(self, audio_s: _Optional[float] = ..., speech_s: _Optional[float] = ..., utterances: _Optional[int] = ..., finals: _Optional[int] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ("reason", "summary")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    reason: str
    summary: Summary
    def __init__(self, reason: _Optional[str] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ...) -> None: ...
