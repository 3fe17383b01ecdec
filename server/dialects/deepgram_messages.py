"""Deepgram's JSON: results, words, metadata and errors."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.dialects.base import Outgoing
from server.dialects.deepgram_query import Style
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word, join_words

ARCHITECTURE = "whisper"


@dataclass(frozen=True, slots=True)
class Call:
    """What the shell tells a call: its id, its time (ISO 8601), what is loaded, our version."""

    request_id: str
    created: str
    model_names: frozenset[str]
    version: str


@dataclass(frozen=True, slots=True)
class AudioSummary:
    """The audio of a whole call; `sha256` is of its bytes as received, in hex."""

    num_samples: int
    num_channels: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Span:
    """Which channel of how many, and which samples, a result is about."""

    channel: int
    num_channels: int
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What a result is the end of."""

    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False


def seconds(samples: int) -> float:
    """Return audio time as it is written."""
    return round(samples / TARGET_RATE_HZ, 3)


def model_uuid(name: str) -> str:
    """Return the same UUID for the same model, on every server."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"starling/{name}"))


def model_info(call: Call, model: str) -> dict[str, str]:
    """Return which model answered."""
    return {"name": model, "version": call.version, "arch": ARCHITECTURE}


def bare(text: str) -> str:
    """Return a word in lower case without the punctuation around it."""
    stripped = text.strip().lower()
    inner = stripped
    while inner and not inner[0].isalnum():
        inner = inner[1:]
    while inner and not inner[-1].isalnum():
        inner = inner[:-1]
    return inner or stripped


def transcript(words: Sequence[Word], style: Style) -> str:
    """Return the text as the client wants it written."""
    if style.is_punctuated:
        return join_words(tuple(words))
    spaced = (" " * word.text.startswith(" ") + bare(word.text) for word in words)
    return "".join(spaced).strip()


def wire_words(
    words: Sequence[Word], style: Style, channel: int, language: str | None
) -> list[dict[str, Any]]:
    """Return words with times and confidence."""
    wire = []
    for word in words:
        entry: dict[str, Any] = {
            "word": bare(word.text),
            "start": seconds(word.start_sample or 0),
            "end": seconds(word.end_sample or 0),
            "confidence": round(word.confidence or 0.0, 4),
        }
        if style.is_punctuated:
            entry["punctuated_word"] = word.text.strip()
        if style.is_diarized:
            entry["speaker"] = channel
        if style.tells_language and language is not None:
            entry["language"] = language
        wire.append(entry)
    return wire


def alternative(
    words: Sequence[Word], style: Style, channel: int, language: str | None
) -> dict[str, Any]:
    """Return the one reading of a span; its confidence is the mean of its words'."""
    known = [word.confidence for word in words if word.confidence is not None]
    found: dict[str, Any] = {
        "transcript": transcript(words, style),
        "confidence": round(sum(known) / len(known), 4) if known else 0.0,
        "words": wire_words(words, style, channel, language),
    }
    if style.tells_language and language is not None:
        found["languages"] = [language]
    return found


def message(replaces: str | None = None, **fields: Any) -> Outgoing[str]:
    """Return a message of these fields."""
    return Outgoing(json.dumps(fields, ensure_ascii=False), replaces)


def metadata(call: Call, model: str, audio: AudioSummary, style: Style) -> dict[str, Any]:
    """Return what is told of a whole call, with what was asked for and not done."""
    name = model_uuid(model)
    return {
        "transaction_key": "deprecated",
        "request_id": call.request_id,
        "sha256": audio.sha256,
        "created": call.created,
        "duration": seconds(audio.num_samples),
        "channels": audio.num_channels,
        "models": [name],
        "model_info": {name: model_info(call, model)},
        **_warnings(style),
    }


def _warnings(style: Style) -> dict[str, Any]:
    if not style.is_unfiltered:
        return {}
    note = "Nothing is masked: profanity_filter is ignored."
    return {
        "warnings": [
            {"parameter": "profanity_filter", "type": "unsupported_model", "message": note}
        ]
    }


_ERR_CODES = {
    ErrorCode.UNAUTHENTICATED: (401, "INVALID_AUTH"),
    ErrorCode.INVALID_OPTIONS: (400, "Bad Request"),
    ErrorCode.INVALID_MESSAGE: (400, "Bad Request"),
    ErrorCode.UNSUPPORTED_AUDIO: (400, "Bad Request"),
    ErrorCode.MODEL_NOT_AVAILABLE: (400, "Bad Request"),
    ErrorCode.MESSAGE_TOO_LARGE: (413, "PAYLOAD_TOO_LARGE"),
    ErrorCode.FILE_TOO_LARGE: (413, "PAYLOAD_TOO_LARGE"),
    ErrorCode.OVERLOADED: (429, "TOO_MANY_REQUESTS"),
}


def http_error(error: StarlingError, request_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of an HTTP answer to a failure."""
    status, err_code = _ERR_CODES.get(
        error.code, (WIRE_STATUS[error.code].http, error.code.value.upper())
    )
    said = (
        "Invalid credentials." if err_code == "INVALID_AUTH" else f"{error.message}: {error.hint}"
    )
    body = {"err_code": err_code, "err_msg": said, "request_id": request_id}
    headers = {"dg-request-id": request_id, "dg-error": ascii(said)[1:-1]}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return status, body, headers
