"""What a session can be asked for; a field left at None takes the server's default."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TunableOptions:
    """Options that may also change mid-session, with `Session.update`.

    `language` is a code such as `en`, or `auto`; `task` is `transcribe` or `translate`.
    """

    language: str | None = None
    task: str | None = None
    interim: bool | None = None
    words: bool | None = None
    endpoint_silence_ms: int | None = None
    max_utterance_s: float | None = None
    prompt: str | None = None
    keyterms: tuple[str, ...] | None = None

    def fields_set(self) -> dict[str, Any]:
        """Collect the fields that were given, ready for a JSON message."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(TunableOptions):
    """Everything a session starts with.

    `encoding` is `pcm_s16le`, `pcm_f32le`, `mulaw` or `alaw` with `sample_rate` in Hz
    (8000 to 48000) and interleaved `channels` (1 or 2), or `container` for the bytes of a WebM,
    Ogg, MP3, FLAC or WAV file, which tells the rest itself. `channel_mode` is `split`, a
    transcript for each channel, or `mix`.
    """

    encoding: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    channel_mode: str | None = None
    model: str | None = None
