import pytest

from server.dialects.deepgram_files import answer, file_request
from server.dialects.deepgram_messages import AudioSummary, Call
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word

pytestmark = pytest.mark.unit

CALL = Call(
    "00000000-0000-4000-8000-000000000001",
    "2026-01-01T00:00:00.000Z",
    frozenset({"base"}),
    "1.0",
)
AUDIO = AudioSummary(20 * TARGET_RATE_HZ, 2, "ab")


def word(text: str, start_s: float) -> Word:
    start = int(start_s * TARGET_RATE_HZ)
    return Word(text, start, start + TARGET_RATE_HZ // 2, 0.9)


def final(channel: int, *words: Word) -> Final:
    first, last = words[0].start_sample or 0, words[-1].end_sample or 0
    return Final(1, channel, words, first, last, "de", 0.9)


FINALS = [
    final(0, word(" Mr.", 0), word(" Once.", 0.5), word(" Two", 1.5), word(" three.", 2.0)),
    final(0, word(" Four.", 9)),
    final(1, word(" Five", 1)),
]


def asked(**query: str):
    return file_request({name: [value] for name, value in query.items()}, "audio/wav", CALL)


def test_a_plain_answer_has_the_words_of_each_channel():
    body = answer(CALL, "base", asked(), FINALS, AUDIO)
    texts = [channel["alternatives"][0]["transcript"] for channel in body["results"]["channels"]]
    assert texts == ["mr once two three four", "five"]
    assert set(body["results"]) == {"channels"}
    assert body["metadata"]["channels"] == 2


def test_utterances_are_split_at_gaps_and_told_in_the_order_they_began():
    query = {"utterances": "true", "punctuate": "true", "diarize": "true"}
    said = answer(CALL, "base", asked(**query), FINALS, AUDIO)["results"]["utterances"]
    assert [part["transcript"] for part in said] == ["Mr. Once. Two three.", "Five", "Four."]
    assert [part["speaker"] for part in said] == [0, 1, 0]
    assert len({part["id"] for part in said}) == 3
    narrow = answer(CALL, "base", asked(**query, utt_split="0.3"), FINALS, AUDIO)
    assert [part["transcript"] for part in narrow["results"]["utterances"]] == [
        "Mr. Once.",
        "Five",
        "Two three.",
        "Four.",
    ]


def test_paragraphs_hold_sentences():
    body = answer(CALL, "base", asked(smart_format="true"), FINALS, AUDIO)
    paragraphs = body["results"]["channels"][0]["alternatives"][0]["paragraphs"]
    assert paragraphs["transcript"] == "Mr. Once. Two three.\n\nFour."
    first, second = paragraphs["paragraphs"]
    assert [sentence["text"] for sentence in first["sentences"]] == ["Mr. Once.", "Two three."]
    assert (first["num_words"], second["num_words"]) == (4, 1)
    assert (second["start"], second["end"]) == (9.0, 9.5)


def test_the_language_is_told_when_it_was_detected():
    body = answer(CALL, "base", asked(detect_language="true"), FINALS, AUDIO)
    assert body["results"]["channels"][0]["detected_language"] == "de"


def test_a_file_without_speech_is_an_empty_answer():
    query = {"utterances": "true", "paragraphs": "true", "detect_language": "true"}
    results = answer(CALL, "base", asked(**query), [], AUDIO)["results"]
    assert results["utterances"] == []
    (alternative,) = results["channels"][0]["alternatives"]
    assert (alternative["transcript"], alternative["words"]) == ("", [])
    assert alternative["paragraphs"] == {"transcript": "", "paragraphs": []}


@pytest.mark.parametrize(
    ("query", "content_type"),
    [
        ({}, "application/json; charset=utf-8"),
        ({"callback": "https://example.com"}, ""),
        ({"redact": "true"}, ""),
        ({"utt_split": "never"}, ""),
        ({"utt_split": "nan"}, ""),
        ({"encoding": "g729"}, ""),
    ],
)
def test_what_cannot_be_met_is_refused(query, content_type):
    with pytest.raises(StarlingError) as error:
        file_request({name: [value] for name, value in query.items()}, content_type, CALL)
    assert error.value.code is ErrorCode.INVALID_OPTIONS
    assert error.value.hint


def test_parameters_of_live_sessions_do_no_harm():
    assert asked(endpointing="soon", utterance_end_ms="1", interim_results="true").options.words
