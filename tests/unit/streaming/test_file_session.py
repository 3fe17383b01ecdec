import numpy as np
import pytest

from streaming.effects import Decode, ScoreSpeech
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.file_session import FileEffect, FilePlan, FileSession
from streaming.options import SessionOptions
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import Hypothesis, Word
from tests.support import scripted_speech
from tests.support.scripted_speech import said

pytestmark = pytest.mark.unit


class Harness:
    """A file session whose decodes are answered when the test says so."""

    def __init__(self, *, language: str = "en", channels: int = 1, in_flight: int = 4) -> None:
        options = SessionOptions(language=language)
        self.session = FileSession(
            FilePlan(options, SpeechPolicy(), channels, in_flight, max_samples=16_000 * 600)
        )
        self.held: list[Decode] = []
        self.finals: list[Final] = []

    def send(self, *channels: np.ndarray) -> None:
        self.perform(self.session.on_audio(np.stack(channels)))

    def end(self) -> None:
        self.perform(self.session.on_end())

    def perform(self, effects: list[FileEffect]) -> None:
        to_score = [effect for effect in effects if isinstance(effect, ScoreSpeech)]
        for effect in effects:
            match effect:
                case Decode():
                    self.held.append(effect)
                case Final():
                    self.finals.append(effect)
        for effect in to_score:
            scores = scripted_speech.score(effect.audio)
            self.perform(self.session.on_scores(effect.channel, scores))

    def answer(self, index: int = 0, hypothesis: Hypothesis | None = None) -> None:
        request = self.held.pop(index).request
        heard = hypothesis or scripted_speech.transcribe(request)
        self.perform(self.session.on_decoded(request.id, heard))

    @property
    def texts(self) -> list[str]:
        return ["".join(word.text for word in final.words).strip() for final in self.finals]


THREE = said([1, 2], 2.5, [3, 4], 2.5, [5, 6], 0.5)


def test_finals_come_in_order_whatever_the_order_of_answers():
    harness = Harness()
    harness.send(THREE)
    harness.end()
    assert len(harness.held) == 3
    harness.answer(2)
    harness.answer(1)
    assert harness.finals == []
    harness.answer(0)
    assert harness.texts == ["w1 w2", "w3 w4", "w5 w6"]
    assert harness.session.is_done
    assert [final.utterance for final in harness.finals] == [1, 2, 3]


def test_no_more_segments_are_made_than_may_be_in_flight():
    harness = Harness(in_flight=1)
    harness.send(np.concatenate([THREE, said(2.5, [7, 8], 12.0)]))
    harness.end()
    assert len(harness.held) <= 2
    assert harness.session.is_congested
    while harness.held:
        harness.answer()
    assert harness.texts == ["w1 w2", "w3 w4", "w5 w6", "w7 w8"]


def test_until_the_language_is_settled_segments_are_asked_for_one_by_one():
    harness = Harness(language="auto")
    harness.send(THREE)
    harness.end()
    assert [decode.request.language for decode in harness.held] == [None]
    harness.answer(0, Hypothesis((Word(" uno"),), "es", language_probability=0.9))
    assert [decode.request.language for decode in harness.held] == ["es", "es"]


def test_after_three_unsure_segments_the_last_language_is_taken():
    harness = Harness(language="auto")
    harness.send(np.concatenate([said([n], 2.5) for n in range(1, 6)]))
    harness.end()
    for language in ("es", "pt", "pt"):
        assert len(harness.held) == 1
        harness.answer(0, Hypothesis((Word(" um"),), language, language_probability=0.3))
    assert [decode.request.language for decode in harness.held] == ["pt", "pt"]


def test_channels_are_told_apart():
    harness = Harness(channels=2)
    left, right = said([1, 2], 2.0), said([3, 4], 2.0)
    length = max(len(left), len(right))
    harness.send(*(np.pad(side, (0, length - len(side))) for side in (left, right)))
    harness.end()
    while harness.held:
        harness.answer()
    assert {
        final.channel: text for final, text in zip(harness.finals, harness.texts, strict=True)
    } == {
        0: "w1 w2",
        1: "w3 w4",
    }


def test_what_is_not_believed_is_left_out():
    harness = Harness()
    harness.send(said([1, 2], 2.5))
    harness.end()
    harness.answer(0, Hypothesis((), "en", is_degenerate=True))
    assert harness.finals == []
    assert harness.session.is_done


def test_too_long_a_file_is_refused():
    session = FileSession(FilePlan(SessionOptions(), SpeechPolicy(), 1, 4, max_samples=100))
    with pytest.raises(StarlingError) as refusal:
        session.on_audio(np.zeros((1, 101), np.float32))
    assert refusal.value.code is ErrorCode.FILE_TOO_LARGE


def test_an_empty_file_is_done_at_once():
    harness = Harness()
    harness.end()
    assert harness.session.is_done
