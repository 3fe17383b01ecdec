"""OpenAI's audio API for files: form fields to options, finals to answers.

https://platform.openai.com/docs/api-reference/audio, as the SDKs openai 3.54 (Python) and 6.49
(npm) speak it.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.dialects.compatibility import (
    CompatibilityPage,
    FieldList,
    ignored,
    refused,
    supported,
)
from server.dialects.openai_languages import NAME_OF_CODE, language_code
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.guards import compression_ratio
from streaming.options import TARGET_RATE_HZ, OptionRequest, Task
from streaming.passages import Passage, passages
from streaming.transcript import Word

FILE_FIELD = "file"
FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
TIMED_FORMATS = frozenset({"srt", "verbose_json", "vtt"})
LINE_CHARS = 42
STREAM_END = "data: [DONE]\n\n"

FIELDS = FieldList(
    "Form fields of /v1/audio/transcriptions and /v1/audio/translations",
    (
        supported("file", "Any audio or video file that FFmpeg reads, up to `max_file_bytes`."),
        supported("model", "A model loaded here; any other name means the default model."),
        supported("language", "Code or English name; detected when left out."),
        supported("prompt", "Names and spelling to go by; its last 223 tokens count."),
        supported("response_format", "json, text, srt, verbose_json or vtt."),
        supported("timestamp_granularities", "segment and word, with or without brackets."),
        supported("stream", "With json and text: a delta a segment of up to 28 s; else ignored."),
        supported("keywords", "Words or names to favour."),
        ignored("temperature", "Decoding is a beam search; its answer does not vary."),
        ignored("chunking_strategy", "Speech is always found and cut at pauses by the server."),
        ignored("include", "There are no log probabilities of tokens; words have probabilities."),
        ignored("languages", "One language is detected for the whole file."),
        refused("known_speaker_names", "Speakers are not told apart; leave it out."),
        refused("known_speaker_references", "Speakers are not told apart; leave it out."),
    ),
    about="Unknown fields are ignored. `diarized_json` is refused: speakers are not told apart.",
)
ANSWERS = FieldList(
    "Fields of verbose_json",
    (
        supported("text, language, duration, task", "As OpenAI's; `language` is its name."),
        supported("segments: id, seek, start, end, text", "A sentence or so, at most 7 s."),
        supported("segments: avg_logprob, compression_ratio", "Mean over the segment's words."),
        ignored("segments: tokens, no_speech_prob, temperature", "Always empty, 0 and 0."),
        supported("words: word, start, end", "When `timestamp_granularities` names word."),
    ),
)
PAGE = CompatibilityPage(
    "openai.md",
    "OpenAI clients: files",
    """
Point any client of OpenAI's audio API here by its base URL:

```python
client = OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="any, or one of STARLING_API_KEYS")
client.audio.transcriptions.create(model="whisper-1", file=open("talk.mp3", "rb"))
```

`GET /v1/models` and `/v1/models/{id}` list the loaded models. The file waits on disk, not in
memory, and is transcribed behind live sessions. Failures have OpenAI's shape and its SDKs'
exception classes; a full server answers 503 with `retry-after`, which the SDKs obey.
""",
    (FIELDS, ANSWERS),
)


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What a form asks for."""

    options: OptionRequest
    response_format: str
    has_words: bool
    is_streamed: bool


def file_request(
    form: Mapping[str, Sequence[str]], task: Task, loaded_models: Collection[str]
) -> FileRequest:
    """Return what the form asks for.

    Raises:
        StarlingError: INVALID_OPTIONS.
    """
    fields = {name.split("[")[0]: values for name, values in form.items()}
    FIELDS.refuse(fields)
    response_format = _last(fields, "response_format") or "json"
    if response_format not in FORMATS:
        raise StarlingError(
            ErrorCode.INVALID_OPTIONS,
            f"response_format={response_format[:40]!r} is not known here",
            f"use one of: {', '.join(FORMATS)}",
        )
    language = _last(fields, "language")
    model = _last(fields, "model")
    is_timed = response_format in TIMED_FORMATS
    options = OptionRequest(
        language=language_code(language) if language else None,
        task=task.value,
        words=is_timed,
        interim=False,
        prompt=_last(fields, "prompt"),
        keyterms=tuple(fields.get("keywords", ())) or None,
        model=model if model in loaded_models else None,
    )
    return FileRequest(
        options,
        response_format,
        has_words="word" in fields.get("timestamp_granularities", ()),
        is_streamed=_last(fields, "stream") in ("true", "True", "1") and not is_timed,
    )


def _last(fields: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = fields.get(name)
    return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All finals of a file, and how long it was."""

    finals: Sequence[Final]
    audio_samples: int
    task: Task

    @property
    def words(self) -> list[Word]:
        """All words in order."""
        return [word for final in self.finals for word in final.words]

    @property
    def text(self) -> str:
        """The whole text; words bring their own spaces."""
        return "".join(word.text for word in self.words).strip()

    @property
    def language(self) -> str:
        """The code of the language that most finals are in."""
        codes = [final.language for final in self.finals]
        return max(codes, key=codes.count, default="en")


def answer(transcript: Transcript, request: FileRequest) -> tuple[str, str]:
    """Return body and media type of an answer that is not streamed."""
    match request.response_format:
        case "text":
            return transcript.text + "\n", "text/plain"
        case "srt":
            return subtitles(passages(transcript.words), point=",", heading=""), "text/plain"
        case "vtt":
            heading = "WEBVTT\n\n"
            return subtitles(passages(transcript.words), point=".", heading=heading), "text/plain"
        case "verbose_json":
            return _json(_verbose(transcript, has_words=request.has_words)), "application/json"
        case _:
            body = {"text": transcript.text, "usage": _usage(transcript.audio_samples)}
            return _json(body), "application/json"


def stream_delta(final: Final, *, is_first: bool) -> str:
    """Return the server-sent event of one final; deltas join to the whole text."""
    text = "".join(word.text for word in final.words)
    delta = text.lstrip() if is_first else text
    return _event({"type": "transcript.text.delta", "delta": delta})


def stream_done(text: str, audio_samples: int) -> str:
    """Return the last server-sent events of a file."""
    done = {"type": "transcript.text.done", "text": text, "usage": _usage(audio_samples)}
    return _event(done) + STREAM_END


def stream_error(error: StarlingError) -> str:
    """Return the server-sent event that ends a file that failed midway."""
    return f"event: error\n{_event(error_answer(error)[1])}"


def error_answer(error: StarlingError) -> tuple[int, dict[str, Any]]:
    """Return HTTP status and body of a failure, as OpenAI shapes them."""
    status = WIRE_STATUS[error.code].http
    if error.code is ErrorCode.UNSUPPORTED_AUDIO:
        status = 400  # OpenAI's own; its clients have no class for 415
    code: str | None = error.code.value
    if error.code is ErrorCode.UNAUTHENTICATED:
        code = "invalid_api_key"
    kind = "server_error" if status >= 500 else "invalid_request_error"
    param = FILE_FIELD if error.code is ErrorCode.UNSUPPORTED_AUDIO else None
    message = f"{error.message}; {error.hint}"
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_body(name: str) -> dict[str, Any]:
    """Return a model as OpenAI lists it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "starling"}


def subtitles(cues: Sequence[Passage], *, point: str, heading: str) -> str:
    """Return passages as SubRip (point `,`, numbered) or WebVTT (point `.`)."""
    blocks: list[str] = []
    for number, cue in enumerate(cues, start=1):
        span = f"{_clock(cue.start_sample, point)} --> {_clock(cue.end_sample, point)}"
        lead = f"{number}\n" if point == "," else ""
        blocks.append(f"{lead}{span}\n{_wrapped(cue.text)}\n\n")
    return heading + "".join(blocks)


def _wrapped(text: str) -> str:
    """Break a long cue into two lines at the space nearest its middle."""
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    if len(text) <= LINE_CHARS or not spaces:
        return text
    at = min(spaces, key=lambda i: abs(i - len(text) // 2))
    return f"{text[:at]}\n{text[at + 1 :]}"


def _verbose(transcript: Transcript, *, has_words: bool) -> dict[str, Any]:
    body = {
        "task": transcript.task.value,
        "language": _language_name(transcript),
        "duration": _seconds(transcript.audio_samples),
        "text": transcript.text,
        "segments": [_segment(i, cue) for i, cue in enumerate(passages(transcript.words))],
        "usage": _usage(transcript.audio_samples),
    }
    if has_words:
        body["words"] = [
            {
                "word": word.text.strip(),
                "start": _seconds(word.start_sample or 0),
                "end": _seconds(word.end_sample or 0),
            }
            for word in transcript.words
        ]
    return body


def _language_name(transcript: Transcript) -> str:
    if transcript.task is Task.TRANSLATE:
        return "english"
    return NAME_OF_CODE.get(transcript.language, transcript.language)


def _segment(number: int, cue: Passage) -> dict[str, Any]:
    certain = [max(word.confidence or 0.0, 1e-5) for word in cue.words]
    return {
        "id": number,
        "seek": cue.start_sample * 100 // TARGET_RATE_HZ,
        "start": _seconds(cue.start_sample),
        "end": _seconds(cue.end_sample),
        "text": "".join(word.text for word in cue.words),
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(map(math.log, certain)) / len(certain), 4),
        "compression_ratio": round(compression_ratio(cue.text), 4),
        "no_speech_prob": 0.0,
    }


def _usage(audio_samples: int) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(audio_samples / TARGET_RATE_HZ)}


def _seconds(samples: int) -> float:
    return round(samples / TARGET_RATE_HZ, 3)


def _clock(sample: int, point: str) -> str:
    seconds, milliseconds = divmod(sample * 1000 // TARGET_RATE_HZ, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"


def _json(body: object) -> str:
    return json.dumps(body, ensure_ascii=False)


def _event(body: object) -> str:
    return f"data: {_json(body)}\n\n"
