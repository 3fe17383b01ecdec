"""Successive hypotheses of one growing utterance to committed and tentative words.

LocalAgreement (Liu, Spanakis, Niehues 2020, arXiv 2005.11185): words that two hypotheses in a row
begin with are committed. Whisper on windows that grow by half a second agrees on wrong words in
one utterance of four, so agreement is asked of *checkpoints*, which are three seconds apart; other
hypotheses only show what follows the committed words. The last words agreed on are held back,
because Whisper ends every window with punctuation that more audio takes away. Committed words
never change: a later hypothesis that disagrees is aligned to them and only what follows is taken
from it.

What is shown after the committed words changes only for a reason: it grows by what two hypotheses
in a row say, and gives way to another wording only when two in a row say that. Showing every
hypothesis as it comes changes four words of ten before the final; this, one of ten.
"""

from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, takewhile

from streaming.transcript import Word, letters_of

HELD_BACK_WORDS = 2

MIN_WORDS_TO_TELL_APART = 3
MIN_ALIKE_SHARE = 0.5
"""Of letters: other wordings of the same speech share nine of ten, other sentences three."""

MIN_WORDS_TO_SHRINK = 4
"""Below this a shorter hypothesis is a correction; above, losing half is a bad decode."""


class HypothesisBuffer:
    """The committed and tentative words of one utterance."""

    def __init__(self) -> None:
        self.committed: tuple[Word, ...] = ()
        self.tentative: tuple[Word, ...] = ()
        self._checkpoint: tuple[Word, ...] = ()
        self._latest: tuple[Word, ...] = ()

    @property
    def has_text(self) -> bool:
        """Whether there are words to show."""
        return bool(self.committed or self.tentative)

    def update(self, words: tuple[Word, ...], *, is_whole: bool = False) -> bool:
        """Take another hypothesis; return whether what is shown has changed.

        With `is_whole` it heard a pause at its end, so that its last word is not cut.
        """
        if _is_shrunk(words, len(self.committed) + len(self.tentative)):
            return False
        return self._show(words, self.committed + self.tentative, is_whole=is_whole)

    def commit(self, words: tuple[Word, ...], sure_until_sample: int = 0) -> bool:
        """Take a checkpoint's hypothesis and commit what it and the one before agree on.

        Words that end by `sure_until_sample` are committed without. What is committed depends on
        checkpoints alone, never on other hypotheses. No words are a failed checkpoint. Returns
        whether what is shown has changed.
        """
        before, self._checkpoint = self._checkpoint, words
        if not words or _is_shrunk(words, len(before)):
            self._checkpoint = ()
            return False
        split = align_prefix(self.committed, words)
        self.committed = _timed(self.committed, words[:split])
        rest = words[split:]
        rest_before = before[align_prefix(self.committed, before) :]
        num_agreed = _common_prefix(rest_before, rest) - HELD_BACK_WORDS
        num_new = max(0, num_agreed, _num_ended(rest, sure_until_sample))
        shown = self.committed + self.tentative
        self.committed += rest[:num_new]
        return self._show(words, shown, is_whole=False) or num_new > 0

    def commit_heard(self, words: tuple[Word, ...]) -> None:
        """Commit all words, heard up to a pause; what is shown after them goes on being shown.

        Nothing where words as late are committed already, or far fewer than are.
        """
        if not words or _is_shrunk(words, len(self.committed)):
            return
        if _end_sample(words) <= _end_sample(self.committed):
            return
        shown = self.committed + self.tentative
        split = align_prefix(self.committed, words)
        self.committed = _timed(self.committed, words[:split]) + words[split:]
        self.tentative = shown[align_prefix(self.committed, shown) :]

    def _show(self, words: tuple[Word, ...], shown: tuple[Word, ...], *, is_whole: bool) -> bool:
        """Choose what follows the committed words; `shown` is all that was shown before."""
        latest, self._latest = self._latest, words
        before, self.tentative = self.tentative, words[align_prefix(self.committed, words) :]
        self.tentative = steady(
            shown[align_prefix(self.committed, shown) :],
            latest[align_prefix(self.committed, latest) :],
            self.tentative,
            num_held=0 if is_whole else 1,
        )
        return [word.text for word in self.tentative] != [word.text for word in before]

    def finish(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return the final words: the committed ones, then what `words` says after them."""
        split = align_prefix(self.committed, words)
        head = words[:split]
        if len(head) == len(self.committed):
            timed = tuple(
                replace(heard, text=kept.text)
                for kept, heard in zip(self.committed, head, strict=True)
            )
        elif head:
            timed = _spread_times(self.committed, head)
        else:
            timed = _before(words[:1], self.committed)
        return timed + words[split:]


def steady(
    shown: tuple[Word, ...], before: tuple[Word, ...], now: tuple[Word, ...], num_held: int
) -> tuple[Word, ...]:
    """Return what to show after `shown` when hypothesis `now` follows hypothesis `before`.

    The first text is all but the last `num_held` words, which may be cut, unless both say them.
    With none held, `now` heard a pause at its end, and what it adds is shown at once. Other words
    take the place of at most twice as many: hypotheses that stop early tend to do so twice.
    """
    num_agreed = _common_keys(before, now)
    if not shown:
        return now[: max(len(now) - num_held, num_agreed)]
    num_kept = _common_keys(shown, now)
    num_taken_back = len(shown) - num_kept
    if num_taken_back == 0:
        return now[: max(num_kept, num_agreed) if num_held else len(now)]
    is_enough = (num_agreed - num_kept) * 2 >= num_taken_back
    return now[:num_agreed] if is_enough else shown


def align_prefix(committed: tuple[Word, ...], words: tuple[Word, ...]) -> int:
    """Return how many of `words` say what `committed` says.

    It is the prefix of `words` with the least edit distance to `committed`; of equals the one
    nearest in length. The same letters split otherwise, as in "wayside" for "way side", are no
    edits: they would swallow the word that follows. Where that prefix says something else, what
    was committed is left out of `words`, as happens to a quiet voice before a loud one, and none
    of them say it. One word or two may be another wording of it all the same.
    """
    num = len(committed)
    if num == 0:
        return 0
    keys = [_key(heard) for heard in words]
    kept_keys = [_key(kept) for kept in committed]
    if keys[:num] == kept_keys:
        return num
    said_by_prefix = list(accumulate(keys, initial=""))
    if "".join(kept_keys) in said_by_prefix:
        return said_by_prefix.index("".join(kept_keys))
    row = list(range(len(words) + 1))
    for i, kept in enumerate(kept_keys, start=1):
        previous, row = row, [i]
        for j, heard in enumerate(keys, start=1):
            substituted = previous[j - 1] + (kept != heard)
            row.append(min(substituted, previous[j] + 1, row[j - 1] + 1))
    best = min(range(len(row)), key=lambda j: (row[j], abs(j - num)))
    if num < MIN_WORDS_TO_TELL_APART or _is_alike("".join(kept_keys), "".join(keys[:best])):
        return best
    return 0


def _is_alike(kept: str, heard: str) -> bool:
    """Say whether letters heard are mostly those of what was kept, in order."""
    matcher = SequenceMatcher(None, kept, heard, autojunk=False)
    num_alike = sum(block.size for block in matcher.get_matching_blocks())
    return num_alike >= MIN_ALIKE_SHARE * len(heard)


def _timed(committed: tuple[Word, ...], heard: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the committed words, with the times of the same words where they have none."""
    if not heard or len(heard) != len(committed) or heard[-1].end_sample is None:
        return committed
    return tuple(
        replace(again, text=kept.text) if kept.end_sample is None else kept
        for kept, again in zip(committed, heard, strict=True)
    )


def _is_shrunk(words: tuple[Word, ...], num_before: int) -> bool:
    return num_before >= MIN_WORDS_TO_SHRINK and len(words) * 2 < num_before


def _end_sample(words: tuple[Word, ...]) -> int:
    """Return where the last word ends; 0 where that is not known."""
    return (words[-1].end_sample or 0) if words else 0


def _common_prefix(before: tuple[Word, ...], after: tuple[Word, ...]) -> int:
    count = 0
    for old, new in zip(before, after, strict=False):
        if old.text.strip() != new.text.strip():
            break
        count += 1
    return count


def _num_ended(words: tuple[Word, ...], sample: int) -> int:
    """Count the first words that end by here; those without times do not."""
    ended = takewhile(lambda word: word.end_sample is not None and word.end_sample <= sample, words)
    return sum(1 for _ in ended)


def _common_keys(before: tuple[Word, ...], after: tuple[Word, ...]) -> int:
    """Count the words both begin with, whatever their case and punctuation."""
    pairs = zip(before, after, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _key(pair[0]) == _key(pair[1]), pairs))


def _key(word: Word) -> str:
    return letters_of(word.text)


def _before(following: tuple[Word, ...], committed: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return committed words that nothing heard aligns to, with times not past what follows."""
    limit = following[0].start_sample if following else None
    if limit is None:
        return committed
    return tuple(
        replace(word, start_sample=min(start, limit), end_sample=min(end, limit))
        if (start := word.start_sample) is not None and (end := word.end_sample) is not None
        else word
        for word in committed
    )


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
