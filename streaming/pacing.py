"""When the next interim decode, or a final's decode ahead of its endpoint, is worth its cost.

The step grows with the utterance (`GROWTH` of its length), so a long utterance costs a constant
number of re-decodes per doubling instead of one per step.
"""

from streaming.options import TARGET_RATE_HZ

FIRST_S = 0.5
"""Audio heard before the first interim: shorter windows mostly give wrong words."""

FIRST_STEP_S = 0.25
"""Until there is text to show."""

STEP_S = 0.5
GROWTH = 0.15

MAX_AHEAD_TENTHS = 6
"""How much of the silence that ends an utterance may go by before its final is decoded ahead: the
rest is time to decode it in."""


def is_interim_due(
    utterance_samples: int, decoded_samples: int, stretch: float = 1.0, *, is_shown: bool = True
) -> bool:
    """Say whether an utterance this long, last decoded up to `decoded_samples`, is due again.

    `stretch` of 1 or more makes all steps longer under load; `is_shown` says whether there is text.
    """
    if decoded_samples == 0:
        return utterance_samples >= FIRST_S * stretch * TARGET_RATE_HZ
    step_s = STEP_S if is_shown else FIRST_STEP_S
    step = max(step_s * stretch * TARGET_RATE_HZ, GROWTH * stretch * utterance_samples)
    return utterance_samples - decoded_samples >= step


def ahead_after_samples(tail_samples: int, endpoint_samples: int, stretch: float) -> int:
    """Return how much silence there is before a final is decoded ahead.

    At best as much as the final holds (`tail_samples`); under load more, because in every other
    such pause the voice goes on and the decode was for nothing. `endpoint_samples` of silence are
    the end.
    """
    latest = max(tail_samples, endpoint_samples * MAX_AHEAD_TENTHS // 10)
    return min(int(tail_samples * stretch), latest)
