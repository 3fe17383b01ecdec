import pytest

from streaming.effects import Purpose
from streaming.pacing import (
    CHECKPOINT_SLACK_S,
    FIRST_S,
    FIRST_WITHIN_S,
    GROWTH,
    STEP_S,
    PauseHabit,
    ahead_after_samples,
    is_interim_due,
    slack_s,
    wait_for_batch_s,
)

pytestmark = pytest.mark.unit

SECOND = 16_000


def decodes_of(utterance_s: float) -> list[int]:
    """Return at which lengths a growing utterance is decoded, checked every window."""
    done = [0]
    for length in range(0, int(utterance_s * SECOND), 512):
        if is_interim_due(length, done[-1]):
            done.append(length)
    return done[1:]


def test_the_first_interim_waits_for_half_a_second():
    assert not is_interim_due(int(FIRST_S * SECOND) - 1, 0)
    assert is_interim_due(int(FIRST_S * SECOND), 0)


def test_an_utterance_without_text_is_decoded_again_with_every_message():
    decoded, message = int(FIRST_S * SECOND), SECOND // 10
    assert is_interim_due(decoded + message, decoded, is_shown=False)
    assert not is_interim_due(decoded + message - 1, decoded, is_shown=False)
    assert not is_interim_due(decoded + message, decoded)


def test_short_utterances_are_decoded_again_every_step():
    decoded = SECOND
    assert not is_interim_due(decoded + int(STEP_S * SECOND) - 1, decoded)
    assert is_interim_due(decoded + int(STEP_S * SECOND), decoded)


def test_steps_grow_with_the_utterance():
    decoded = 10 * SECOND
    due = decoded / (1 - GROWTH)
    assert not is_interim_due(int(due) - 1, decoded)
    assert is_interim_due(int(due) + 1, decoded)


def test_a_doubling_costs_the_same_number_of_decodes_however_long():
    times = decodes_of(64)
    per_doubling = [
        sum(low * SECOND <= at < 2 * low * SECOND for at in times) for low in (8, 16, 32)
    ]
    assert max(per_doubling) - min(per_doubling) <= 1
    assert max(per_doubling) <= 5


@pytest.mark.parametrize(
    ("purpose", "seconds", "is_shown", "expected"),
    [
        (Purpose.INTERIM, 0.5, False, 0.0),
        (Purpose.INTERIM, FIRST_WITHIN_S, False, 0.0),
        (Purpose.INTERIM, 20, False, 20 * GROWTH),
        (Purpose.INTERIM, 1, True, STEP_S),
        (Purpose.INTERIM, 20, True, 20 * GROWTH),
        (Purpose.CHECKPOINT, 20, True, CHECKPOINT_SLACK_S),
        (Purpose.FINAL, 20, True, 0.0),
    ],
)
def test_finals_and_who_has_just_begun_to_speak_have_no_slack(purpose, seconds, is_shown, expected):
    assert slack_s(purpose, int(seconds * SECOND), is_shown=is_shown) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("final_s", "expected"), [(0.0, 0.2), (0.2, 0.2), (0.3, 0.15), (0.4, 0.0), (3.0, 0.0)]
)
def test_the_slower_finals_are_the_less_they_wait_for_a_batch(final_s, expected):
    early, remaining = SECOND // 5, 6 * SECOND // 10
    assert wait_for_batch_s(early, remaining, final_s) == pytest.approx(expected)


def test_nothing_new_is_never_due():
    assert not is_interim_due(30 * SECOND, 30 * SECOND)


@pytest.mark.parametrize(
    ("tail", "endpoint", "stretch", "final_s", "expected"),
    [
        (3_584, 13_152, 1.0, 0.0, 3_584),
        (3_584, 13_152, 1.5, 0.3, 5_376),
        (3_584, 13_152, 6.0, 0.3, 6_576),
        (3_584, 4_000, 6.0, 0.1, 3_584),
        (512, 512, 6.0, 0.1, 512),
        (3_584, 13_152, 6.0, 0.5, 13_152 - 8_000),
        (3_584, 13_152, 6.0, 0.8, 3_584),
    ],
)
def test_a_busy_server_decodes_ahead_later_but_with_time_left(
    tail, endpoint, stretch, final_s, expected
):
    assert ahead_after_samples(tail, endpoint, stretch, final_s) == expected


def habit_after(*pauses: str) -> PauseHabit:
    habit = PauseHabit()
    for pause in pauses:
        habit.end_pause(goes_on=True)
        habit.pause()
        habit.pause()
        habit.end_pause(goes_on=pause == "on")
    return habit


def test_a_voice_rarely_goes_on_once_its_pauses_were_the_end_four_times():
    assert not habit_after(*["over"] * 3).rarely_goes_on
    assert habit_after(*["over"] * 4).rarely_goes_on


def test_a_voice_that_pauses_in_its_sentences_goes_on():
    assert not habit_after(*["over", "on"] * 50).rarely_goes_on
    assert not habit_after(*["over"] * 50, "on", "on").rarely_goes_on
    assert habit_after(*["over"] * 50, "on").rarely_goes_on


def test_speech_without_a_pause_says_nothing_of_a_voice():
    habit = habit_after(*["over"] * 4)
    for _ in range(50):
        habit.end_pause(goes_on=True)
    habit.end_pause(goes_on=False)
    assert habit.rarely_goes_on
