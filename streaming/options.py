"""What a session asked for, after defaults and limits.

Three levels meet here and nowhere else: server defaults, operator limits, client request.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from streaming.errors import ErrorCode, StarlingError

TARGET_RATE_HZ = 16_000
"""Sample rate of everything after framing: Whisper's and Silero's."""

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 48_000
MAX_PROMPT_CHARS = 2_000
MAX_KEYTERMS = 100
MAX_KEYTERM_CHARS = 100
MAX_SILENCE_MARK_MS = 60_000
AUTO_LANGUAGE = "auto"

EnumT = TypeVar("EnumT", bound=StrEnum)
NumberT = TypeVar("NumberT", int, float)


class Encoding(StrEnum):
    """How the client's audio bytes are to be read."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    CONTAINER = "container"


class Task(StrEnum):
    """What Whisper does with the speech."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class ChannelMode(StrEnum):
    """What becomes of two channels."""

    SPLIT = "split"
    MIX = "mix"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The client's audio as declared; `sample_rate_hz` is None for containers, which tell it."""

    encoding: Encoding = Encoding.CONTAINER
    sample_rate_hz: int | None = None
    num_channels: int = 1
    channel_mode: ChannelMode = ChannelMode.SPLIT

    @property
    def num_transcripts(self) -> int:
        """How many channels get a transcript of their own."""
        return self.num_channels if self.channel_mode is ChannelMode.SPLIT else 1


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Everything a session may choose; see `docs/protocol.md` for the wire names."""

    audio: AudioFormat = field(default_factory=AudioFormat)
    model: str = "default"
    language: str = AUTO_LANGUAGE
    task: Task = Task.TRANSCRIBE
    interim: bool = True
    words: bool = False
    speech_threshold: float = 0.5
    endpoint_silence_ms: int = 950
    max_utterance_s: float = 28.0
    prompt: str = ""
    keyterms: tuple[str, ...] = ()
    silence_marks_ms: tuple[int, ...] = ()
    """Lengths of silence after speech that are told as they are reached."""


@dataclass(frozen=True, slots=True)
class OptionRequest:
    """Options as a client named them; None means not named. Field names as in `SessionOptions`."""

    language: str | None = None
    task: str | None = None
    interim: bool | None = None
    words: bool | None = None
    speech_threshold: float | None = None
    endpoint_silence_ms: int | None = None
    max_utterance_s: float | None = None
    prompt: str | None = None
    keyterms: tuple[str, ...] | None = None
    silence_marks_ms: tuple[int, ...] | None = None
    encoding: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    channel_mode: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """A loaded model as options see it: its name and the language codes it takes."""

    name: str
    languages: frozenset[str]

    @property
    def is_multilingual(self) -> bool:
        """Whether there is anything to detect or translate."""
        return len(self.languages) > 1


@dataclass(frozen=True, slots=True)
class OptionLimits:
    """Bounds that an operator sets; a request outside them is refused, never bent silently."""

    min_speech_threshold: float = 0.05
    max_speech_threshold: float = 0.95
    min_endpoint_silence_ms: int = 100
    max_endpoint_silence_ms: int = 5_000
    min_utterance_s: float = 2.0
    max_utterance_s: float = 28.0
    """Whisper's window is 30 s; the rest is room for pre-roll and padding."""


def resolve_options(
    request: OptionRequest,
    defaults: SessionOptions,
    offers: tuple[ModelOffer, ...],
    limits: OptionLimits,
) -> SessionOptions:
    """Return the options of a new session.

    Raises:
        StarlingError: INVALID_OPTIONS, UNSUPPORTED_AUDIO or MODEL_NOT_AVAILABLE.
    """
    offer = _find_offer(request.model, offers)
    options = replace(defaults, audio=_resolve_audio(request), model=offer.name)
    if offer.is_multilingual is False:
        options = replace(options, language=next(iter(offer.languages)))
    return apply_update(options, request, offer, limits)


def apply_update(
    options: SessionOptions, request: OptionRequest, offer: ModelOffer, limits: OptionLimits
) -> SessionOptions:
    """Return `options` changed by the tunable fields that `request` names.

    Raises:
        StarlingError: INVALID_OPTIONS, naming the field and what it may be.
    """
    changed = replace(
        options,
        language=_resolve_language(request.language, options.language, offer),
        task=_choose(Task, "task", request.task, options.task),
        interim=options.interim if request.interim is None else request.interim,
        words=options.words if request.words is None else request.words,
        speech_threshold=_within(
            "speech_threshold",
            request.speech_threshold,
            options.speech_threshold,
            (limits.min_speech_threshold, limits.max_speech_threshold),
        ),
        endpoint_silence_ms=_within(
            "endpoint_silence_ms",
            request.endpoint_silence_ms,
            options.endpoint_silence_ms,
            (limits.min_endpoint_silence_ms, limits.max_endpoint_silence_ms),
        ),
        max_utterance_s=_within(
            "max_utterance_s",
            request.max_utterance_s,
            options.max_utterance_s,
            (limits.min_utterance_s, limits.max_utterance_s),
        ),
        prompt=options.prompt if request.prompt is None else request.prompt.strip(),
        keyterms=options.keyterms if request.keyterms is None else request.keyterms,
        silence_marks_ms=_resolve_marks(request.silence_marks_ms, options.silence_marks_ms),
    )
    _check_text(changed)
    if changed.task is Task.TRANSLATE and not offer.is_multilingual:
        raise _invalid(
            f"model {offer.name!r} knows one language and cannot translate",
            "ask for task=transcribe, or start the server with a multilingual model",
        )
    return changed


def _find_offer(name: str | None, offers: tuple[ModelOffer, ...]) -> ModelOffer:
    if name is None:
        return offers[0]
    for offer in offers:
        if offer.name == name:
            return offer
    loaded = ", ".join(offer.name for offer in offers)
    raise StarlingError(
        ErrorCode.MODEL_NOT_AVAILABLE,
        f"model {name!r} is not loaded",
        f"leave `model` out or ask for one of: {loaded}",
    )


def _resolve_audio(request: OptionRequest) -> AudioFormat:
    encoding = _choose(Encoding, "encoding", request.encoding, Encoding.CONTAINER)
    num_channels = 1 if request.channels is None else request.channels
    if num_channels not in (1, 2):
        raise StarlingError(
            ErrorCode.UNSUPPORTED_AUDIO,
            f"channels={num_channels} is not supported",
            "send 1 or 2 interleaved channels",
        )
    rate_hz = request.sample_rate
    if encoding is Encoding.CONTAINER:
        rate_hz = None
    elif rate_hz is None:
        raise _invalid(
            f"sample_rate is missing for encoding={encoding}",
            "say the audio's samples per second, for example sample_rate=16000",
        )
    elif not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise StarlingError(
            ErrorCode.UNSUPPORTED_AUDIO,
            f"sample_rate={rate_hz} is not supported",
            f"send {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} samples per second",
        )
    mode = _choose(ChannelMode, "channel_mode", request.channel_mode, ChannelMode.SPLIT)
    return AudioFormat(encoding, rate_hz, num_channels, mode)


def _resolve_language(requested: str | None, current: str, offer: ModelOffer) -> str:
    if requested is None:
        return current
    code = requested.strip().lower().replace("_", "-")
    if code == AUTO_LANGUAGE:
        return AUTO_LANGUAGE if offer.is_multilingual else next(iter(offer.languages))
    for candidate in (code, code.split("-")[0]):
        if candidate in offer.languages:
            return candidate
    if offer.is_multilingual:
        hint = "use a code such as en, de or fr, or `auto` to detect the language"
    else:
        hint = "this model knows English only; start the server with a multilingual model"
    raise _invalid(f"model {offer.name!r} does not know language {requested!r}", hint)


def _choose(kind: type[EnumT], name: str, requested: str | None, default: EnumT) -> EnumT:
    if requested is None:
        return default
    try:
        return kind(requested.strip().lower())
    except ValueError:
        choices = ", ".join(member.value for member in kind)
        raise _invalid(f"{name}={requested!r} is not known", f"use one of: {choices}") from None


def _within(
    name: str, requested: NumberT | None, default: NumberT, bounds: tuple[NumberT, NumberT]
) -> NumberT:
    if requested is None:
        return default
    low, high = bounds
    if not low <= requested <= high:
        raise _invalid(f"{name}={requested} is out of range", f"use {low} to {high}")
    return requested


def _resolve_marks(requested: tuple[int, ...] | None, current: tuple[int, ...]) -> tuple[int, ...]:
    if requested is None:
        return current
    for mark in requested:
        _within("silence_marks_ms", mark, mark, (1, MAX_SILENCE_MARK_MS))
    return tuple(sorted(set(requested)))


def _check_text(options: SessionOptions) -> None:
    if len(options.prompt) > MAX_PROMPT_CHARS:
        raise _invalid(
            f"prompt has {len(options.prompt)} characters",
            f"shorten it to {MAX_PROMPT_CHARS}; Whisper reads its last 223 tokens",
        )
    if len(options.keyterms) > MAX_KEYTERMS:
        raise _invalid(
            f"{len(options.keyterms)} keyterms were sent", f"send {MAX_KEYTERMS} at most"
        )
    if any(not 0 < len(term.strip()) <= MAX_KEYTERM_CHARS for term in options.keyterms):
        raise _invalid(
            "a keyterm is empty or too long", f"use 1 to {MAX_KEYTERM_CHARS} characters each"
        )


def _invalid(message: str, hint: str) -> StarlingError:
    return StarlingError(ErrorCode.INVALID_OPTIONS, message, hint)
