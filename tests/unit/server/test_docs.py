import json

import jsonschema
import pytest

from server.cli.docs import DOCS, SCHEMA_FILE, generated_files
from server.dialects.native import NativeDialect
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import SessionOptions
from streaming.transcript import Word

pytestmark = pytest.mark.unit

WORDS = (Word(" Hello", 0, 8000, 0.9), Word(" there.", 8000, 16000, 0.8))
EVENTS = [
    ev.SessionReady("s1", SessionOptions()),
    ev.SpeechStarted(1, 0, 5632),
    ev.Interim(1, 0, WORDS[:1], WORDS[1:], 0, 16000, "en"),
    ev.Final(1, 0, WORDS, 0, 16000, "en", 0.85),
    ev.Final(2, 1, (Word(" Hi"),), 0, 16000, "en", 0.85),
    ev.UtteranceEnded(1, 0, 16000, ev.EndReason.SILENCE),
    ev.Finalized("f", 16000),
    ev.OptionsUpdated(SessionOptions()),
    ev.PongSent(None),
    ev.AudioAcknowledged(16000, 8000),
    ev.SessionResumed("s1", SessionOptions(), 16000, 8000),
    ev.GoingAway(1.0),
    ev.Warned(ev.WarningCode.DECODE_FAILED, "a", "b"),
    ev.Failed(StarlingError(ErrorCode.OVERLOADED, "full", "wait", retry_after_s=5)),
    ev.Closed("stop", 16000, 16000, 1, 1),
]


def test_generated_docs_are_fresh():
    stale = [
        path.name
        for path, text in generated_files(DOCS).items()
        if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_sent_as_the_schema_says(event):
    schema = json.loads((DOCS / SCHEMA_FILE).read_text())
    (message,) = NativeDialect().encode(7, event)
    said = json.loads(message.data)
    jsonschema.Draft202012Validator(schema).validate(said)
    assert said["seq"] == 7


def test_interim_texts_join_to_the_whole():
    interim = ev.Interim(1, 0, WORDS[:1], WORDS[1:], 0, 16000, "en")
    (message,) = NativeDialect().encode(1, interim)
    said = json.loads(message.data)
    assert (said["committed"], said["tentative"]) == ("Hello", " there.")


def test_words_are_left_out_when_they_have_no_times():
    (message,) = NativeDialect().encode(1, ev.Final(2, 1, (Word(" Hi"),), 0, 16000, "en", 0.85))
    assert "words" not in json.loads(message.data)
