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

FIRST_STEP_S = 0.25
"""Until there is text to show."""

STEP_S = 0.5
GROWTH = 0.15

CHECKPOINT_SLACK_S = 1.0
"""A checkpoint is needed by the final after it."""

MAX_AHEAD_TENTHS = 6
"""How much of the silence that ends an utterance may go by before its final is decoded ahead: the
rest is time to decode it in."""


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

    An interim's is one step where text is shown, and nothing where none is: whoever has just begun
    to speak goes first.
    """
    if purpose is Purpose.CHECKPOINT:
        return CHECKPOINT_SLACK_S
    if purpose is Purpose.INTERIM and is_shown:
        return max(STEP_S, GROWTH * utterance_samples / TARGET_RATE_HZ)
    return 0.0


def ahead_after_samples(tail_samples: int, endpoint_samples: int, stretch: float) -> int:
    """Return how much silence there is before a final is decoded ahead.

    At best as much as the final holds (`tail_samples`); under load more, because in every other
    such pause the voice goes on and the decode was for nothing. `endpoint_samples` of silence are
    the end.
    """
    latest = max(tail_samples, endpoint_samples * MAX_AHEAD_TENTHS // 10)
    return min(int(tail_samples * stretch), latest)
