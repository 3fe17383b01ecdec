"""When the next interim decode, or a final's decode ahead of its endpoint, is worth its cost.

The step grows with the utterance (`GROWTH` of its length), so a long utterance costs a constant
number of re-decodes per doubling instead of one per step. A busy server asks for as many interims
as an idle one: each waits for an engine worker that has nothing more urgent to do, and is then
decoded with the newest audio. So no worker is idle while there is something to show, and what
waits fills batches.
"""

from streaming.effects import Purpose
from streaming.options import TARGET_RATE_HZ

FIRST_S = 0.5
"""Audio heard before the first interim: shorter windows mostly give wrong words."""

FIRST_STEP_S = 0.1
"""Until there is text to show; a message of the usual 100 ms."""

FIRST_WITHIN_S = 3.0
"""Speech without text for longer is noise, or hard to hear: it waits like those who have text."""

STEP_S = 0.5
GROWTH = 0.15

CHECKPOINT_SLACK_S = 1.0
"""A checkpoint is needed by the final after it."""

MAX_AHEAD_TENTHS = 5
"""How much of the silence that ends an utterance may go by before its final is decoded ahead: the
rest is time to decode it in, where finals do not take longer."""

HEAR_PAUSE_FROM_S = 9.0
"""So much speech since the last pause that was decoded, and a busy server decodes the next one at
once, so that the final need not hear all of it (docs/performance.md)."""

LEAD_FACTOR = 1.5
"""A final is begun so many times earlier than finals take of late: half as long again is late."""

RARELY_SHARE = 0.25
"""Of pauses: where more end in speech again, early decodes cost more than their batches save."""

HABIT_WEIGHT = 0.2
"""Of the last pause; a voice of which nothing is known has fallen silent for good four times before
it counts as one that rarely goes on."""


def is_interim_due(utterance_samples: int, decoded_samples: int, *, is_shown: bool = True) -> bool:
    """Say whether an utterance this long, last decoded up to `decoded_samples`, is due again.

    `is_shown` says whether there is text.
    """
    if decoded_samples == 0:
        return utterance_samples >= FIRST_S * TARGET_RATE_HZ
    step = max((STEP_S if is_shown else FIRST_STEP_S) * TARGET_RATE_HZ, GROWTH * utterance_samples)
    return utterance_samples - decoded_samples >= step


def slack_s(purpose: Purpose, utterance_samples: int, *, is_shown: bool) -> float:
    """Return how many seconds later an answer is still early, for an utterance this long.

    An interim's is one step, but nothing for whoever has just begun to speak and has no text to
    show yet: they go first. A final's is nothing once its utterance is over.
    """
    if purpose is Purpose.CHECKPOINT:
        return CHECKPOINT_SLACK_S
    has_just_begun = not is_shown and utterance_samples <= FIRST_WITHIN_S * TARGET_RATE_HZ
    if purpose is Purpose.INTERIM and not has_just_begun:
        return max(STEP_S, GROWTH * utterance_samples / TARGET_RATE_HZ)
    return 0.0


def ahead_after_samples(
    tail_samples: int, endpoint_samples: int, stretch: float, final_s: float
) -> int:
    """Return how much silence there is before a final is decoded ahead.

    At best as much as the final holds (`tail_samples`); under load more, because in every other
    such pause the voice goes on and the decode was for nothing. `endpoint_samples` of silence are
    the end, by which there should be time to decode it, if finals take `final_s`.
    """
    in_time = endpoint_samples - int(final_s * TARGET_RATE_HZ)
    latest = max(tail_samples, min(endpoint_samples * MAX_AHEAD_TENTHS // 10, in_time))
    return min(int(tail_samples * stretch), latest)


def wait_for_batch_s(early_samples: int, remaining_samples: int, final_s: float) -> float:
    """Return how many seconds a final that is asked for early may wait for a batch to join.

    Until it is time to ask for it, in `early_samples`, or at most until there is just time to
    decode it before its utterance ends, in `remaining_samples`, if finals take `final_s`.
    """
    latest_s = remaining_samples / TARGET_RATE_HZ - LEAD_FACTOR * final_s
    return max(0.0, min(early_samples / TARGET_RATE_HZ, latest_s))


class PauseHabit:
    """Whether a voice goes on after its pauses, or has said all when it falls silent.

    A final decoded ahead costs a fifth less in another's batch than alone, and all of it for
    nothing where the voice goes on: so only voices that rarely do are decoded ahead as soon as
    there is a batch to join, the others when it is time.
    """

    def __init__(self) -> None:
        self._share_going_on = 0.5
        self._is_in_pause = False

    @property
    def rarely_goes_on(self) -> bool:
        """Whether a pause that has just begun is most likely the end."""
        return self._share_going_on < RARELY_SHARE

    def pause(self) -> None:
        """Note a silence as long as a final holds; as often as wanted in one pause."""
        self._is_in_pause = True

    def end_pause(self, *, goes_on: bool) -> None:
        """Note that there is speech, or else that the utterance is over; nothing if none paused."""
        if self._is_in_pause:
            self._share_going_on += HABIT_WEIGHT * (goes_on - self._share_going_on)
        self._is_in_pause = False
