"""How long after it was spoken a word can be read.

Word ends come from a second transcript of the same audio with word times (`TimedWord`); the words
of a session's finals are matched with it. For each matched word there are three delays: until it
was first `shown` in its place, until it was shown and stayed (`settled`), and until it was told as
`committed`; a final commits all its words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadtest.measures import Delay, Seen, kept_words, words_of
from starling_client import Final, Interim

NEARNESS_S = 0.5
"""How far outside its utterance the two transcripts may place a word's end."""


@dataclass(frozen=True)
class TimedWord:
    """A word as `words_of` writes it, and where in the audio it ends, in seconds."""

    word: str
    end_s: float


@dataclass
class WordDelays:
    """The three delays of every word that was matched."""

    shown: list[Delay] = field(default_factory=list)
    settled: list[Delay] = field(default_factory=list)
    committed: list[Delay] = field(default_factory=list)


@dataclass(frozen=True)
class _Text:
    """What could be read of an utterance at an instant, and how much of it was committed."""

    at: float
    words: list[str]
    num_committed: int


def timed_words(finals: Iterable[Final]) -> list[TimedWord]:
    """Take the word times out of finals."""
    return [
        TimedWord(plain[0], word.end)
        for final in finals
        for word in final.words or ()
        if (plain := words_of(word.word))
    ]


def word_delays(seen: Sequence[Seen], started_at: float, spoken: Sequence[TimedWord]) -> WordDelays:
    """Measure every word of the finals that stands in `spoken` at about the same place."""
    delays = WordDelays()
    for final, texts in _histories(seen):
        # Only what was said about then: the same sentence may come again later.
        near = [
            timed
            for timed in spoken
            if final.start - NEARNESS_S <= timed.end_s <= final.end + NEARNESS_S
        ]
        for index, place in kept_words([timed.word for timed in near], texts[-1].words):
            _add(delays, texts, place, started_at + near[index].end_s)
    return delays


def _histories(seen: Iterable[Seen]) -> list[tuple[Final, list[_Text]]]:
    """Collect the texts of each utterance that has a final, the final's own last."""
    open_texts: dict[int, list[_Text]] = {}
    done: list[tuple[Final, list[_Text]]] = []
    for entry in seen:
        match entry.event:
            case Interim(utterance=utterance, committed=committed, text=text):
                shown = _Text(entry.at, words_of(text), len(words_of(committed)))
                open_texts.setdefault(utterance, []).append(shown)
            case Final() as final:
                words = words_of(final.text)
                texts = open_texts.pop(final.utterance, [])
                done.append((final, _matched([*texts, _Text(entry.at, words, len(words))])))
    return done


def _matched(texts: list[_Text]) -> list[_Text]:
    """Write each text as the final's words that stand in it, others left empty."""
    final = texts[-1].words
    matched = []
    for text in texts:
        pairs = kept_words(text.words, final)
        words = [""] * len(final)
        for _, place in pairs:
            words[place] = final[place]
        committed = sum(1 for index, _ in pairs if index < text.num_committed)
        matched.append(_Text(text.at, words, committed))
    return matched


def _add(delays: WordDelays, texts: Sequence[_Text], word_index: int, spoken_at: float) -> None:
    shows = [bool(text.words[word_index]) for text in texts]
    first = shows.index(True)
    settled = len(shows) - 1
    while settled > 0 and shows[settled - 1]:
        settled -= 1
    committed = next(i for i, text in enumerate(texts) if text.num_committed > word_index)
    for found, index in (
        (delays.shown, first),
        (delays.settled, settled),
        (delays.committed, committed),
    ):
        found.append(Delay(texts[index].at, texts[index].at - spoken_at))
