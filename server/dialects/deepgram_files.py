"""Deepgram's files, `POST /v1/listen`: parameters to options, finals to the answer.

https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded, read 2026-11.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.dialects.deepgram_fields import FILE_QUERY
from server.dialects.deepgram_messages import (
    AudioSummary,
    Call,
    alternative,
    metadata,
    seconds,
    transcript,
    wire_words,
)
from server.dialects.deepgram_query import (
    Query,
    Style,
    flag,
    named_fields,
    read_number,
    read_options,
    read_style,
)
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.options import TARGET_RATE_HZ, OptionRequest
from streaming.passages import ends_sentence
from streaming.transcript import Word, join_words

UTTERANCE_SPLIT_S = 0.8
PARAGRAPH_SPLIT_SAMPLES = 2 * TARGET_RATE_HZ
MAX_PARAGRAPH_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What an address asks for."""

    options: OptionRequest
    style: Style
    splits_channels: bool
    has_paragraphs: bool
    utterance_split_samples: int | None


def file_request(query: Query, content_type: str, call: Call) -> FileRequest:
    """Return what a request asks for.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    if content_type.partition(";")[0].strip().lower() == "application/json":
        raise StarlingError(
            ErrorCode.INVALID_OPTIONS,
            "the server fetches no addresses for its clients",
            "send the file itself as the body",
        )
    FILE_QUERY.refuse(named_fields(query))
    style = read_style(
        {n: v for n, v in query.items() if n not in ("endpointing", "utterance_end_ms")}
    )
    split_s = read_number(query, "utt_split")
    split_s = UTTERANCE_SPLIT_S if split_s is None else split_s
    return FileRequest(
        options=replace(read_options(query, style, call.model_names), interim=False),
        style=style,
        splits_channels=flag(query, "multichannel"),
        has_paragraphs=flag(query, "paragraphs") or flag(query, "smart_format"),
        utterance_split_samples=int(split_s * TARGET_RATE_HZ)
        if flag(query, "utterances")
        else None,
    )


def answer(
    call: Call, model: str, request: FileRequest, finals: Iterable[Final], audio: AudioSummary
) -> dict[str, Any]:
    """Return the whole answer for a file."""
    by_channel: list[list[Final]] = [[] for _ in range(audio.num_channels)]
    for final in finals:
        by_channel[final.channel].append(final)
    results: dict[str, Any] = {
        "channels": [_channel(i, found, request) for i, found in enumerate(by_channel)]
    }
    if request.utterance_split_samples is not None:
        spoken = [
            _utterance(call, channel, words, request)
            for channel, found in enumerate(by_channel)
            for words in _split(_words(found), request.utterance_split_samples)
        ]
        results["utterances"] = sorted(spoken, key=lambda said: float(said["start"]))
    return {"metadata": metadata(call, model, audio, request.style), "results": results}


def _words(finals: Sequence[Final]) -> list[Word]:
    return [word for final in finals for word in final.words]


def _channel(channel: int, finals: Sequence[Final], request: FileRequest) -> dict[str, Any]:
    words, languages = _words(finals), [final.language for final in finals]
    language = max(languages, key=languages.count) if languages else None
    said = alternative(words, request.style, channel, language)
    if request.has_paragraphs:
        said["paragraphs"] = _paragraphs(words, request.style, channel)
    body: dict[str, Any] = {"alternatives": [said]}
    if request.style.tells_language and language is not None:
        body["detected_language"] = language
    return body


def _utterance(
    call: Call, channel: int, words: Sequence[Word], request: FileRequest
) -> dict[str, Any]:
    start = words[0].start_sample or 0
    known = [word.confidence for word in words if word.confidence is not None]
    body: dict[str, Any] = {
        "start": seconds(start),
        "end": seconds(words[-1].end_sample or 0),
        "confidence": round(sum(known) / len(known), 4) if known else 0.0,
        "channel": channel,
        "transcript": transcript(words, request.style),
        "words": wire_words(words, request.style, channel, None),
        "id": str(uuid.uuid5(uuid.UUID(call.request_id), f"{channel} {start}")),
    }
    return body | ({"speaker": channel} if request.style.is_diarized else {})


def _split(words: Sequence[Word], gap_samples: int) -> list[list[Word]]:
    """Return the words in groups with a gap of at least so much between them."""
    groups: list[list[Word]] = []
    for word in words:
        if groups and (word.start_sample or 0) - (groups[-1][-1].end_sample or 0) < gap_samples:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _paragraphs(words: Sequence[Word], style: Style, channel: int) -> dict[str, Any]:
    paragraphs = [
        sentences[at : at + MAX_PARAGRAPH_SENTENCES]
        for sentences in map(_sentences, _split(words, PARAGRAPH_SPLIT_SAMPLES))
        for at in range(0, len(sentences), MAX_PARAGRAPH_SENTENCES)
    ]
    texts = [join_words(tuple(w for s in paragraph for w in s)) for paragraph in paragraphs]
    return {
        "transcript": "\n\n".join(texts),
        "paragraphs": [_paragraph(paragraph, style, channel) for paragraph in paragraphs],
    }


def _paragraph(sentences: Sequence[Sequence[Word]], style: Style, channel: int) -> dict[str, Any]:
    told = [
        {
            "text": join_words(tuple(words)),
            "start": seconds(words[0].start_sample or 0),
            "end": seconds(words[-1].end_sample or 0),
        }
        for words in sentences
    ]
    body: dict[str, Any] = {
        "sentences": told,
        "num_words": sum(map(len, sentences)),
        "start": told[0]["start"],
        "end": told[-1]["end"],
    }
    return body | ({"speaker": channel} if style.is_diarized else {})


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = [[]]
    for word in words:
        sentences[-1].append(word)
        if ends_sentence(word.text.strip()):
            sentences.append([])
    return [sentence for sentence in sentences if sentence]
