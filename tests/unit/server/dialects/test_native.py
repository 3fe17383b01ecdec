"""What messages become, and what the wire must be told of each mistake."""

import pytest

from server.dialects.native import NativeDialect
from server.dialects.native_messages import SERVER_MESSAGE
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest
from streaming.transcript import Word
from tests.support.golden import GOLDEN, turns

pytestmark = pytest.mark.unit


def refusal(message: str) -> StarlingError:
    with pytest.raises(StarlingError) as refused:
        NativeDialect().decode(message)
    assert refused.value.hint
    return refused.value


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("native/*.jsonl")), ids=lambda path: path.stem)
def test_written_conversations_are_numbered_and_end(path):
    said = [message for _, answers in turns(path) for message in answers]
    assert [message["seq"] for message in said] == list(range(1, len(said) + 1))
    assert [SERVER_MESSAGE.validate_python(message).type for message in said][-1] == "closed"


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (b"\0\1", ev.AudioReceived(b"\0\1")),
        (b"", ev.AudioReceived(b"")),
        ('{"type": "finalize"}', ev.FinalizeRequested()),
        ('{"type": "finalize", "id": "f"}', ev.FinalizeRequested("f")),
        ('{"type": "ping", "id": "p"}', ev.PingReceived("p")),
        ('{"type": "stop"}', ev.StopRequested()),
        (
            '{"type": "update", "keyterms": ["a"], "words": true}',
            ev.OptionsChanged(OptionRequest(keyterms=("a",), words=True)),
        ),
    ],
)
def test_messages_become_events(message, event):
    assert NativeDialect().decode(message) == [event]


NO_MESSAGES = (
    "",
    "hello",
    "[]",
    "null",
    '"stop"',
    "{}",
    '{"type": "begin"}',
    '{"type": 3}',
    '{"type": "stop", "now": true}',
    '{"type": "update", "sample_rate": 8000}',
    '{"type": "stop"',
    '{"type": "ping", "id": "' + "x" * 129 + '"}',
)


@pytest.mark.parametrize("message", NO_MESSAGES)
def test_what_is_no_message_is_told_with_a_hint(message):
    assert refusal(message).code is ErrorCode.INVALID_MESSAGE


def test_a_second_start_breaks_the_protocol():
    assert refusal('{"type": "start"}').code is ErrorCode.PROTOCOL_VIOLATION


def test_the_wrong_field_is_named_but_its_value_is_not_repeated():
    error = refusal('{"type": "update", "max_utterance_s": "very secret"}')
    assert "max_utterance_s" in error.message
    assert "secret" not in error.message


def test_start_goes_over_the_query():
    dialect = NativeDialect()
    named = dialect.options_from_query({"language": ["de"], "words": ["true"]})
    request = dialect.open('{"type": "start", "language": "fr"}', named)
    assert request == OptionRequest(language="fr", words=True)


def test_audio_may_come_first_with_the_options_of_the_query():
    named = OptionRequest(language="de")
    assert NativeDialect().open(b"RIFF", named) == named


@pytest.mark.parametrize("message", ['{"type": "stop"}', '{"type": "ping"}'])
def test_other_messages_may_not_come_first(message):
    assert NativeDialect().open(message, OptionRequest()) is None


def test_a_query_names_options_as_start_does():
    request = NativeDialect().options_from_query(
        {
            "encoding": ["mulaw"],
            "sample_rate": ["8000"],
            "interim": ["false"],
            "max_utterance_s": ["4.5"],
            "keyterms": ["Barton, Norland", "Cleveland", ""],
            "language": ["en", "de"],
        }
    )
    assert request == OptionRequest(
        encoding="mulaw",
        sample_rate=8000,
        interim=False,
        max_utterance_s=4.5,
        keyterms=("Barton", "Norland", "Cleveland"),
        language="de",
    )


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"sampel_rate": ["8000"]}, "'sampel_rate'"),
        ({"sample_rate": ["fast"]}, "sample_rate"),
        ({"type": ["start"]}, "'type'"),
        ({"words": ["maybe"]}, "words"),
    ],
)
def test_a_bad_query_is_told(query, told):
    with pytest.raises(StarlingError) as refused:
        NativeDialect().options_from_query(query)
    assert refused.value.code is ErrorCode.INVALID_OPTIONS
    assert told in refused.value.message


@pytest.mark.parametrize("name", ["token", "api_key", "key"])
def test_keys_in_the_address_are_refused_and_not_repeated(name):
    with pytest.raises(StarlingError) as refused:
        NativeDialect().options_from_query({name: ["hunter2"]})
    assert "Authorization: Bearer KEY" in refused.value.hint
    assert "hunter2" not in str(refused.value)


def test_only_interims_replace_one_another_and_only_in_their_channel():
    dialect = NativeDialect()
    interim = ev.Interim(1, 1, (), (Word(" a"),), 0, 1, "en")
    (message,) = dialect.encode(1, interim)
    assert message.replaces == "interim 1"
    (ended,) = dialect.encode(2, ev.UtteranceEnded(1, 1, 1, ev.EndReason.STOP))
    assert ended.replaces is None
