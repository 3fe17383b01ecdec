"""Successive hypotheses of one growing utterance to committed and tentative words.

LocalAgreement-2 (Liu, Spanakis, Niehues 2020, arXiv 2005.11185): words that two hypotheses in a
row begin with are committed. The last word they agree on is held back, because Whisper ends every
window with punctuation that more audio takes away. Committed words never change: a later
hypothesis that disagrees is aligned to them and only what follows is taken from it.
"""

from dataclasses import replace

from streaming.transcript import Word

MIN_AGREEMENT_SAMPLES = 24_000
"""Hypotheses of less than 1.5 s of audio agree on wrong words too often to be committed on."""

MIN_WORDS_TO_SHRINK = 4
"""Below this a shorter hypothesis is a correction; above, losing half is a bad decode."""


class HypothesisBuffer:
    """The committed and tentative words of one utterance."""

    def __init__(self) -> None:
        self.committed: tuple[Word, ...] = ()
        self.tentative: tuple[Word, ...] = ()
        self._is_trusted = False

    def update(self, words: tuple[Word, ...], num_samples: int) -> bool:
        """Take a hypothesis of the utterance's first samples; return False if refused as bad."""
        shown = len(self.committed) + len(self.tentative)
        if shown >= MIN_WORDS_TO_SHRINK and len(words) * 2 < shown:
            return False
        rest = words[align_prefix(self.committed, words) :]
        agreed = _common_prefix(self.tentative, rest) if self._is_trusted else 0
        self._is_trusted = num_samples >= MIN_AGREEMENT_SAMPLES
        num_new = max(0, agreed - 1)
        self.committed += rest[:num_new]
        self.tentative = rest[num_new:]
        return True

    def finish(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return the final words: the committed ones, then what `words` says after them."""
        split = align_prefix(self.committed, words)
        head = words[:split]
        if len(head) == len(self.committed):
            timed = tuple(
                replace(heard, text=kept.text)
                for kept, heard in zip(self.committed, head, strict=True)
            )
        else:
            timed = _spread_times(self.committed, head)
        return timed + words[split:]


def align_prefix(committed: tuple[Word, ...], words: tuple[Word, ...]) -> int:
    """Return how many of `words` say what `committed` says.

    It is the prefix of `words` with the least edit distance to `committed`; of equals the one
    nearest in length.
    """
    num = len(committed)
    if tuple(map(_key, words[:num])) == tuple(map(_key, committed)):
        return min(num, len(words))
    row = list(range(len(words) + 1))
    for i, kept in enumerate(committed, start=1):
        previous, row = row, [i]
        for j, heard in enumerate(words, start=1):
            substituted = previous[j - 1] + (_key(kept) != _key(heard))
            row.append(min(substituted, previous[j] + 1, row[j - 1] + 1))
    return min(range(len(row)), key=lambda j: (row[j], abs(j - num)))


def _common_prefix(before: tuple[Word, ...], after: tuple[Word, ...]) -> int:
    count = 0
    for old, new in zip(before, after, strict=False):
        if old.text.strip() != new.text.strip():
            break
        count += 1
    return count


def _key(word: Word) -> str:
    return "".join(char for char in word.text.casefold() if char.isalnum())


def _spread_times(committed: tuple[Word, ...], heard: tuple[Word, ...]) -> tuple[Word, ...]:
    """Give committed words that align to fewer or more heard ones an even share of their span."""
    starts = [word.start_sample for word in heard if word.start_sample is not None]
    ends = [word.end_sample for word in heard if word.end_sample is not None]
    if not starts or not ends:
        return committed
    start, span = min(starts), max(ends) - min(starts)
    num = len(committed)
    confidences = [word.confidence for word in heard if word.confidence is not None]
    confidence = min(confidences) if confidences else None
    return tuple(
        Word(
            word.text,
            start + span * index // num,
            start + span * (index + 1) // num,
            confidence,
        )
        for index, word in enumerate(committed)
    )
