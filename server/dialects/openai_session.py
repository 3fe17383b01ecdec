"""The session object of OpenAI Realtime, in its current and its beta form."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from server.dialects.openai_languages import language_code
from streaming.options import (
    AUTO_LANGUAGE,
    MAX_KEYTERM_CHARS,
    MAX_KEYTERMS,
    MAX_PROMPT_CHARS,
    AudioFormat,
    Encoding,
    OptionRequest,
)

AUDIO_FORMATS: dict[str, tuple[Encoding, int]] = {
    "audio/pcm": (Encoding.PCM_S16LE, 24_000),
    "audio/pcmu": (Encoding.MULAW, 8_000),
    "audio/pcma": (Encoding.ALAW, 8_000),
}
BETA_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
PCM_RATES_HZ = (8_000, 16_000, 24_000, 48_000)
MIN_SILENCE_MS, MAX_SILENCE_MS = 100, 5_000
MIN_THRESHOLD, MAX_THRESHOLD = 0.05, 0.95
"""Values outside are brought inside: clients give up at an error."""


class SessionFieldError(ValueError):
    """A field has a value that cannot be met; the session stays as it was."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """What the client has asked for so far; `turn_detection` None means that it commits."""

    audio_format: str = "audio/pcm"
    rate_hz: int = 24_000
    transcription: Mapping[str, Any] = field(default_factory=dict)
    turn_detection: Mapping[str, Any] | None = field(
        default_factory=lambda: {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300}
    )
    noise_reduction: Any = None
    include: Any = None
    is_beta: bool = False

    @property
    def audio(self) -> AudioFormat:
        """How appended bytes are to be read."""
        return AudioFormat(AUDIO_FORMATS[self.audio_format][0], self.rate_hz)

    @property
    def has_turns(self) -> bool:
        """Whether the server finds the turns; else the client commits."""
        return self.turn_detection is not None

    def updated(self, session: Mapping[str, Any], languages: Collection[str]) -> "RealtimeConfig":
        """Return the configuration changed by the fields that are present.

        Raises:
            SessionFieldError: One of them cannot be met.
        """
        given = _as_current(session) if self.is_beta else session
        audio = _mapping(given, "audio", "session.audio") or {}
        sound = _mapping(audio, "input", "session.audio.input") or {}
        changed = self
        if sound.get("format") is not None:
            changed = changed._with_format(sound["format"])
        if "transcription" in sound:
            named = _mapping(sound, "transcription", "session.audio.input.transcription") or {}
            _check_language(named, languages)
            changed = replace(changed, transcription={**changed.transcription, **named})
        if "turn_detection" in sound:
            turn = _mapping(sound, "turn_detection", "session.audio.input.turn_detection")
            merged = None if turn is None else {**(changed.turn_detection or {}), **turn}
            _check_turn_detection(merged)
            changed = replace(changed, turn_detection=merged)
        if "noise_reduction" in sound:
            changed = replace(changed, noise_reduction=sound["noise_reduction"])
        return replace(changed, include=given.get("include", changed.include))

    def _with_format(self, given: Any) -> "RealtimeConfig":
        named: Any = {"type": given} if isinstance(given, str) else given
        kind = named.get("type") if isinstance(named, dict) else None
        if not isinstance(kind, str) or kind not in AUDIO_FORMATS:
            known = ", ".join(AUDIO_FORMATS)
            raise SessionFieldError("session.audio.input.format", f"use one of: {known}")
        default_hz = AUDIO_FORMATS[kind][1]
        rate_hz: Any = named.get("rate") or default_hz
        if rate_hz not in (PCM_RATES_HZ if kind == "audio/pcm" else (default_hz,)):
            raise SessionFieldError("session.audio.input.format.rate", f"use rate {default_hz}")
        return replace(self, audio_format=kind, rate_hz=rate_hz)

    def options(self) -> OptionRequest:
        """Return the session options that this configuration stands for."""
        language = self.transcription.get("language")
        turn = self.turn_detection or {}
        silence, threshold = turn.get("silence_duration_ms"), turn.get("threshold")
        keywords = self.transcription.get("keywords")
        words = keywords if isinstance(keywords, list) else []
        terms = [_clean(t).strip() for t in words if isinstance(t, str)]
        return OptionRequest(
            language=language_code(language) if language else AUTO_LANGUAGE,
            endpoint_silence_ms=(
                None if silence is None else min(max(int(silence), MIN_SILENCE_MS), MAX_SILENCE_MS)
            ),
            speech_threshold=(
                None if threshold is None else min(max(threshold, MIN_THRESHOLD), MAX_THRESHOLD)
            ),
            prompt=_clean(str(self.transcription.get("prompt") or ""))[-MAX_PROMPT_CHARS:],
            keyterms=tuple(t[:MAX_KEYTERM_CHARS].strip() for t in terms if t)[:MAX_KEYTERMS],
        )

    def wire(self, session_id: str, silence_ms: int) -> dict[str, Any]:
        """Return the whole session object as the client is told it."""
        turn = self.turn_detection
        if turn is not None:
            turn = {**turn, "silence_duration_ms": silence_ms}
        head = {"id": session_id, "object": "realtime.transcription_session"}
        if self.is_beta:
            names = {current: beta for beta, current in BETA_FORMATS.items()}
            return {
                **head,
                "input_audio_format": names[self.audio_format],
                "input_audio_transcription": self.transcription,
                "turn_detection": turn,
                "input_audio_noise_reduction": self.noise_reduction,
                "include": self.include,
            }
        audio_format: dict[str, Any] = {"type": self.audio_format}
        if self.audio_format == "audio/pcm":
            audio_format["rate"] = self.rate_hz
        sound = {
            "format": audio_format,
            "transcription": self.transcription,
            "noise_reduction": self.noise_reduction,
            "turn_detection": turn,
        }
        head["type"] = "transcription"
        return {**head, "audio": {"input": sound}, "include": self.include}


def _clean(text: str) -> str:
    """Replace lone surrogates, which JSON may hold and no tokenizer takes."""
    return text.encode(errors="replace").decode()


def _as_current(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return a beta session object in the current form."""
    sound: dict[str, Any] = {}
    if "input_audio_format" in session:
        beta = session["input_audio_format"]
        sound["format"] = BETA_FORMATS.get(beta, beta) if isinstance(beta, str) else beta
    renamed = {
        "input_audio_transcription": "transcription",
        "turn_detection": "turn_detection",
        "input_audio_noise_reduction": "noise_reduction",
    }
    sound |= {new: session[old] for old, new in renamed.items() if old in session}
    return {**session, "audio": {"input": sound}}


def _mapping(parent: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any] | None:
    value = parent.get(name)
    if value is not None and not isinstance(value, dict):
        raise SessionFieldError(path, "must be an object")
    return value


def _check_language(named: Mapping[str, Any], languages: Collection[str]) -> None:
    language = named.get("language")
    path = "session.audio.input.transcription.language"
    if not language:
        return
    if not isinstance(language, str):
        raise SessionFieldError(path, "must be a string")
    code = language_code(language).lower().replace("_", "-")
    if code not in languages and code.split("-")[0] not in languages:
        known = ", ".join(sorted(languages)[:5])
        raise SessionFieldError(path, f"the model does not know it; it knows {known}, …")


def _check_turn_detection(turn: Mapping[str, Any] | None) -> None:
    for name in ("silence_duration_ms", "threshold", "prefix_padding_ms"):
        value = (turn or {}).get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 <= value < 1e9):
            path = f"session.audio.input.turn_detection.{name}"
            raise SessionFieldError(path, "must be a number that is not negative")
