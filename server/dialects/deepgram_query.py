"""Deepgram's query parameters to options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from server.dialects.deepgram_fields import MIN_ENDPOINTING_MS
from streaming.errors import ErrorCode, StarlingError
from streaming.options import AUTO_LANGUAGE, ChannelMode, Encoding, OptionLimits, OptionRequest

Query = Mapping[str, Sequence[str]]

DEFAULT_LANGUAGE = "en"
DEFAULT_MARK_MS = 1_000
"""When silence ends speech that was cut for its length, for clients that name no endpointing."""

TURN_SILENCE_MS = 850
"""When silence ends a turn whose speech was cut, unless `eot_timeout_ms` is shorter."""

MAX_ENDPOINTING_MS = OptionLimits().max_endpoint_silence_ms
MIN_UTTERANCE_END_MS = 1_000
MAX_SECONDS = 3_600.0
NO = frozenset({"", "false", "0", "none", "null"})

_ENCODINGS = {
    "linear16": Encoding.PCM_S16LE,
    "linear32": Encoding.PCM_F32LE,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
    "": Encoding.CONTAINER,
    "flac": Encoding.CONTAINER,
    "opus": Encoding.CONTAINER,
    "ogg-opus": Encoding.CONTAINER,
}


@dataclass(frozen=True, slots=True)
class Style:
    """How results are to be written.

    `endpointing_ms` is None where the client left it to the server; `is_endpointed` False means
    that it wants no speech_final at all.
    """

    is_punctuated: bool = False
    is_diarized: bool = False
    tells_language: bool = False
    tells_speech: bool = False
    is_endpointed: bool = True
    endpointing_ms: int | None = None
    utterance_end_ms: int | None = None
    is_unfiltered: bool = False


def flag(query: Query, name: str) -> bool:
    """Say whether a parameter is named and not false; Python clients write `True`."""
    values = query.get(name, ())
    return bool(values) and values[-1].strip().lower() not in NO


def named_fields(query: Query) -> list[str]:
    """Return the parameters that ask for something: `redact=false` does not."""
    return [name for name in query if flag(query, name)]


def read_style(query: Query) -> Style:
    """Return how results are to be written.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    endpointing = _last(query, "endpointing")
    is_endpointed = endpointing is None or endpointing.lower() != "false"
    endpointing_ms = None
    if endpointing is not None and endpointing.lower() not in ("true", "false"):
        asked_ms = _integer(query, "endpointing") or 0
        endpointing_ms = min(max(asked_ms, MIN_ENDPOINTING_MS), MAX_ENDPOINTING_MS)
    utterance_end_ms = (
        _integer(query, "utterance_end_ms") if flag(query, "utterance_end_ms") else None
    )
    if utterance_end_ms is not None and not (
        MIN_UTTERANCE_END_MS <= utterance_end_ms <= MAX_ENDPOINTING_MS
    ):
        raise _invalid(
            f"utterance_end_ms={utterance_end_ms} is out of range",
            f"use {MIN_UTTERANCE_END_MS} to {MAX_ENDPOINTING_MS}",
        )
    return Style(
        is_punctuated=any(flag(query, n) for n in ("punctuate", "smart_format", "dictation")),
        is_diarized=flag(query, "diarize"),
        tells_language=read_language(query) == AUTO_LANGUAGE,
        tells_speech=flag(query, "vad_events"),
        is_endpointed=is_endpointed,
        endpointing_ms=endpointing_ms,
        utterance_end_ms=utterance_end_ms,
        is_unfiltered=flag(query, "profanity_filter"),
    )


def read_options(query: Query, style: Style, model_names: frozenset[str]) -> OptionRequest:
    """Return the options of a live session; results always have timed words.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    model = _last(query, "model")
    silences = [ms for ms in (style.endpointing_ms, style.utterance_end_ms) if ms is not None]
    return OptionRequest(
        encoding=_encoding(query).value,
        sample_rate=_integer(query, "sample_rate"),
        channels=_integer(query, "channels"),
        channel_mode=(ChannelMode.SPLIT if flag(query, "multichannel") else ChannelMode.MIX).value,
        language=read_language(query),
        interim=flag(query, "interim_results"),
        words=True,
        endpoint_silence_ms=None if style.endpointing_ms is None else min(silences),
        silence_marks_ms=(*silences, DEFAULT_MARK_MS),
        keyterms=read_keyterms(query),
        model=model if model in model_names else None,
    )


def read_turn_options(query: Query, model_names: frozenset[str]) -> OptionRequest:
    """Return the options of a session in turns: one channel, words with times, and updates.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    hints = query.get("language_hint", ())
    is_multilingual = "multi" in (_last(query, "model") or "")
    language = DEFAULT_LANGUAGE
    if is_multilingual:
        language = hints[0] if len(hints) == 1 else AUTO_LANGUAGE
    timeout_ms = _integer(query, "eot_timeout_ms")
    is_short = timeout_ms is not None and timeout_ms < TURN_SILENCE_MS
    silence_ms = max(timeout_ms or 0, MIN_ENDPOINTING_MS) if is_short else None
    return replace(
        read_options(query, Style(), model_names),
        language=language,
        interim=True,
        channels=1,
        endpoint_silence_ms=silence_ms,
        silence_marks_ms=(silence_ms or TURN_SILENCE_MS,),
    )


def read_language(query: Query) -> str:
    """Return the language asked for; English where none is, as Deepgram has it."""
    language = _last(query, "language") or DEFAULT_LANGUAGE
    if flag(query, "detect_language") or language.lower() == "multi":
        return AUTO_LANGUAGE
    return language


def read_keyterms(query: Query) -> tuple[str, ...]:
    """Return `keyterm` and `keywords` without boosts and without words to be made unlikely."""
    terms = [term.strip() for term in query.get("keyterm", ())]
    for keyword in query.get("keywords", ()):
        word, _, boost = keyword.partition(":")
        if not boost.startswith("-"):
            terms.append(word.strip())
    return tuple(dict.fromkeys(term for term in terms if term))


def read_number(query: Query, name: str) -> float | None:
    """Return a parameter of seconds, None when it is not named.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    value = _last(query, name)
    if value is None:
        return None
    try:
        number = float(value[:20])
    except ValueError:
        number = -1.0
    if not 0 <= number <= MAX_SECONDS:
        raise _invalid(f"{name} is no number of seconds", f"send for example {name}=0.8")
    return number


def _encoding(query: Query) -> Encoding:
    name = (_last(query, "encoding") or "").lower()
    if name not in _ENCODINGS:
        raise _invalid(
            f"encoding={name!r} is not supported here",
            "use linear16, linear32, mulaw or alaw with sample_rate, or leave encoding out for "
            "WebM, Ogg, MP3, FLAC and WAV",
        )
    return _ENCODINGS[name]


def _last(query: Query, name: str) -> str | None:
    values = query.get(name, ())
    return values[-1].strip() if values else None


def _integer(query: Query, name: str) -> int | None:
    value = _last(query, name)
    if value is None:
        return None
    try:
        return int(value[:20])
    except ValueError:
        raise _invalid(f"{name} is no whole number", f"send for example {name}=1000") from None


def _invalid(message: str, hint: str) -> StarlingError:
    return StarlingError(ErrorCode.INVALID_OPTIONS, message, hint)
