"""Whatever comes, OpenAI's dialects give events or told errors; deltas join to transcripts."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.dialects.openai_files import FIELDS, error_answer, file_request
from server.dialects.openai_realtime import OpenAIRealtimeDialect
from streaming.errors import StarlingError
from streaming.events import AudioReceived, FinalizeRequested, OptionsChanged, PingReceived
from streaming.intake import RawAudioIntake
from streaming.options import OptionLimits, SessionOptions, Task, apply_update, resolve_options
from tests.support.golden import GOLDEN, numbered_ids, turns
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said
from tests.support.session_harness import ENGLISH, SessionHarness, with_options

pytestmark = pytest.mark.property

EVENTS = (AudioReceived, FinalizeRequested, OptionsChanged, PingReceived)
TYPES = st.sampled_from(
    [
        "session.update",
        "transcription_session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "response.create",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["audio/pcm", "audio/pcmu", "pcm16", "en", "english", "\ud800", "AAAA"])
    | st.text(max_size=6)
)
NAMES = st.sampled_from(
    [
        "audio",
        "input",
        "format",
        "type",
        "rate",
        "transcription",
        "language",
        "prompt",
        "keywords",
        "turn_detection",
        "threshold",
        "silence_duration_ms",
        "input_audio_format",
        "input_audio_transcription",
        "include",
    ]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
BODIES = st.builds(
    lambda kind, session, audio, event_id: json.dumps(
        {"type": kind, "session": session, "audio": audio, "event_id": event_id}
    ),
    TYPES,
    VALUES,
    LEAVES,
    LEAVES,
)
WRITTEN = [line for path in GOLDEN.glob("openai-realtime/*") for line, _ in turns(path)]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a line of a written conversation with a piece cut out or put in."""
    line = draw(st.sampled_from(WRITTEN))
    start = draw(st.integers(0, len(line)))
    end = draw(st.integers(start, len(line)))
    return line[:start] + draw(st.text(max_size=5)) + line[end:]


MESSAGES = st.lists(BODIES | mutated() | st.text() | st.binary(), max_size=8)


def opened() -> OpenAIRealtimeDialect:
    dialect = OpenAIRealtimeDialect(numbered_ids(), {"tiny.en"}, {"en"})
    dialect.options_from_query({"intent": ["transcription"]})
    return dialect


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_messages_are_events_and_no_update_ends_the_session(messages):
    dialect = opened()
    options = with_options()
    for message in messages:
        for event in dialect.decode(message):
            assert isinstance(event, EVENTS)
            if isinstance(event, OptionsChanged):
                options = apply_update(options, event.request, ENGLISH, OptionLimits())
                options.prompt.encode()


@given(MESSAGES)
@settings(max_examples=100, deadline=None)
def test_after_any_messages_a_session_still_transcribes(messages):
    conversation = _Conversation()
    for message in messages:
        conversation.say(message)
    conversation.say(json.dumps({"type": "input_audio_buffer.clear"}))
    update = {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": TURNS}
    conversation.say(
        json.dumps({"type": "session.update", "session": {"audio": {"input": update}}})
    )
    conversation.heard.clear()
    conversation.append(said([1, 2, 3], 1.5))
    assert [m["transcript"] for m in conversation.of("completed")] == ["w1 w2 w3"]
    assert conversation.close_reason is None


TURNS = {"type": "server_vad", "silence_duration_ms": 400, "threshold": 0.5}
PARTS = st.lists(
    st.lists(st.integers(1, 90), min_size=1, max_size=25)
    | st.sampled_from([0.3, 0.6, 1.2, 2.5, "commit"]),
    min_size=1,
    max_size=8,
)


@given(PARTS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_deltas_join_to_transcripts_and_transcripts_to_the_text(parts, has_turns):
    conversation = _Conversation()
    sound = {
        "format": {"type": "audio/pcm", "rate": 16_000},
        "turn_detection": TURNS if has_turns else None,
    }
    conversation.say(json.dumps({"type": "session.update", "session": {"audio": {"input": sound}}}))
    for part in [*parts, 0.3, "commit"]:
        if part == "commit":
            conversation.say(json.dumps({"type": "input_audio_buffer.commit"}))
        else:
            conversation.append(said(part))
    deltas: dict[str, str] = {}
    for message in conversation.of("delta"):
        item_id = message["item_id"]
        deltas[item_id] = deltas.get(item_id, "") + message["delta"]
    completed = {m["item_id"]: m["transcript"] for m in conversation.of("completed")}
    assert {item: text for item, text in completed.items() if text} == deltas
    assert " ".join(filter(None, completed.values())) == conversation.text
    committed = [m for m in conversation.heard if m["type"] == "input_audio_buffer.committed"]
    items = [m["item_id"] for m in committed]
    assert [m["previous_item_id"] for m in committed] == [None, *items][: len(items)]
    assert items == list(completed)


FIELD_NAMES = st.sampled_from([field.name for field in FIELDS.fields]) | st.text(max_size=8)
FIELD_VALUES = st.lists(
    st.sampled_from(["json", "srt", "verbose_json", "true", "word", "en", "whisper-1", "english"])
    | st.text(max_size=8),
    max_size=3,
)


@given(st.dictionaries(FIELD_NAMES, FIELD_VALUES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_form_is_a_request_or_a_told_refusal(form):
    try:
        request = file_request(form, Task.TRANSCRIBE, {"tiny.en"})
        resolve_options(request.options, SessionOptions(), (ENGLISH,), OptionLimits())
    except StarlingError as error:
        status, body = error_answer(error)
        assert 400 <= status < 500
        json.dumps(body)


class _Conversation:
    """A dialect and a session on scripted speech, joined as the runner joins them."""

    def __init__(self) -> None:
        self._dialect = opened()
        request = self._dialect.options_from_query({})
        options = resolve_options(request, SessionOptions(), (ENGLISH,), OptionLimits())
        self._harness = SessionHarness(options)
        self._intake = RawAudioIntake(options.audio)
        self._num_told = 0
        self.heard: list[dict] = []
        self._listen()

    @property
    def text(self) -> str:
        return self._harness.text

    @property
    def close_reason(self) -> str | None:
        return "closed" if self._harness.session.is_closed else None

    def of(self, kind: str) -> list[dict]:
        return [m for m in self.heard if m["type"].endswith(f"transcription.{kind}")]

    def append(self, audio) -> None:
        data = base64.b64encode(pcm16(audio)).decode()
        self.say(json.dumps({"type": "input_audio_buffer.append", "audio": data}))

    def say(self, message: str | bytes) -> None:
        for event in self._dialect.decode(message):
            if isinstance(event, AudioReceived):
                self._harness.perform(
                    self._harness.session.on_audio(self._intake.feed(event.data), 0.0)
                )
            else:
                self._harness.control(event)
            self._listen()

    def _listen(self) -> None:
        fresh = self._harness.emitted[self._num_told :]
        self._num_told = len(self._harness.emitted)
        for emit in fresh:
            self.heard += [json.loads(m.data) for m in self._dialect.encode(emit.seq, emit.event)]
