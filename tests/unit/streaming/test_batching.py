import math
from dataclasses import replace

import pytest

from streaming.batching import (
    HASTEN_FROM_S,
    LONG_BATCH_S,
    UNTIMED_FROM_S,
    BatchPolicy,
    Waiting,
)
from streaming.effects import Purpose
from streaming.windows import Haste

pytestmark = pytest.mark.unit


def policy(max_batch: int, *waiting: tuple[str, str, Purpose, float]) -> BatchPolicy[str]:
    made: BatchPolicy[str] = BatchPolicy(max_batch)
    for job, key, purpose, since in waiting:
        made.submit(Waiting(job, key, purpose, since))
    return made


def taken(made: BatchPolicy[str], now: float = 9.0) -> list[str]:
    return [waiting.job for waiting in made.take(now)]


FINAL, INTERIM = Purpose.FINAL, Purpose.INTERIM


def test_a_lone_request_never_waits():
    assert taken(policy(8, ("a", "k", INTERIM, 0.0))) == ["a"]


def test_nothing_waiting_gives_no_batch():
    assert policy(8).take(0.0) == []
    assert policy(8).oldest_wait_s(5.0) == 0.0


def test_finals_go_first_and_then_the_oldest():
    made = policy(2, ("i1", "k", INTERIM, 1), ("f2", "k", FINAL, 4), ("f1", "k", FINAL, 3))
    assert taken(made) == ["f1", "f2"]
    assert taken(made) == ["i1"]


def test_one_session_with_much_waiting_does_not_hold_up_the_others():
    made = policy(2)
    for job, owner, since in [("a1", "a", 0), ("a2", "a", 1), ("a3", "a", 2), ("b1", "b", 3)]:
        made.submit(Waiting(job, "k", FINAL, since, owner))
    assert [taken(made) for _ in range(2)] == [["a1", "b1"], ["a2", "a3"]]


def test_a_final_is_not_put_behind_all_others_by_its_own_checkpoint():
    made = policy(1)
    made.submit(Waiting("a's checkpoint", "k", Purpose.CHECKPOINT, 0.0, "a", slack_s=1.0))
    made.submit(Waiting("a's final", "k", FINAL, 0.5, "a"))
    made.submit(Waiting("b's checkpoint", "k", Purpose.CHECKPOINT, 0.6, "b", slack_s=1.0))
    assert [taken(made) for _ in range(3)] == [
        ["a's final"],
        ["a's checkpoint"],
        ["b's checkpoint"],
    ]


@pytest.mark.parametrize(("since", "first"), [(0.9, "f"), (1.1, "c")])
def test_a_final_goes_before_a_checkpoint_that_has_just_come(since, first):
    made = policy(1, ("f", "k", FINAL, since))
    made.submit(Waiting("c", "k", Purpose.CHECKPOINT, 0.0, slack_s=1.0))
    assert taken(made) == [first]


def test_waits_of_interims_and_of_the_others_are_told_apart():
    made = policy(1, ("i", "k", INTERIM, 1.0), ("c", "k", Purpose.CHECKPOINT, 2.0))
    assert made.waits_s(4.0) == (3.0, 2.0)
    assert policy(1).waits_s(4.0) == (0.0, 0.0)


def test_a_client_that_sends_too_fast_does_not_make_the_server_look_overloaded():
    made = policy(1, ("live", "k", FINAL, 3.0))
    made.submit(Waiting("fast", "k", FINAL, 0.0, "a", is_live=False))
    assert made.waits_s(4.0) == (0.0, 1.0)


def test_a_batch_shares_one_key_and_places_left_go_to_interims():
    made = policy(
        3,
        ("i1", "b", INTERIM, 0),
        ("f1", "a", FINAL, 1),
        ("i2", "a", INTERIM, 2),
        ("f2", "b", FINAL, 3),
        ("i3", "a", INTERIM, 4),
        ("i4", "a", INTERIM, 5),
    )
    assert taken(made) == ["f1", "i2", "i3"]
    assert taken(made) == ["f2", "i1"]
    assert taken(made) == ["i4"]
    assert taken(made) == []


def test_a_cancelled_job_is_not_taken():
    made = policy(8, ("a", "k", FINAL, 0), ("b", "k", FINAL, 1))
    assert made.cancel("a") is True
    assert made.cancel("a") is False
    assert len(made) == 1
    assert taken(made) == ["b"]
    assert made.cancel("b") is False


def test_the_oldest_wait_is_told():
    made = policy(1, ("a", "k", FINAL, 3.0), ("b", "k", INTERIM, 1.0))
    assert made.oldest_wait_s(11.0) == 10.0


@pytest.mark.parametrize(("num_frames", "num_rows"), [(768, 4), (1250, 3), (2000, 2), (3000, 1)])
def test_rows_with_long_windows_are_fewer(num_frames, num_rows):
    made: BatchPolicy[str] = BatchPolicy(4, 4_000)
    for job in "abcdef":
        made.submit(Waiting(job, num_frames, FINAL, ord(job), num_frames=num_frames))
    assert len(taken(made)) == num_rows
    assert len(made.take(9.0, 1)) == 1


def slow_finals(final_s: float, num_finals: int) -> BatchPolicy[str]:
    made: BatchPolicy[str] = BatchPolicy(4, num_workers=2)
    made.final_s = final_s
    for number in range(num_finals):
        made.submit(Waiting(str(number), "k", FINAL, number))
    return made


def test_slow_finals_have_company_only_where_more_are_due_than_there_are_workers():
    assert rows(slow_finals(LONG_BATCH_S, 2)) == [1, 1]
    assert rows(slow_finals(LONG_BATCH_S, 5)) == [3, 1, 1]
    assert rows(slow_finals(LONG_BATCH_S, 12)) == [4, 4, 2, 1, 1]


def test_as_many_finals_go_together_as_do_not_take_long():
    assert rows(slow_finals(LONG_BATCH_S / 2, 2)) == [2]
    assert rows(slow_finals(LONG_BATCH_S / 3, 4)) == [3, 1]


def test_slow_finals_do_not_keep_interims_apart():
    made = slow_finals(LONG_BATCH_S, 0)
    for job in "abc":
        made.submit(Waiting(job, "k", INTERIM, 0.0))
    assert rows(made) == [3]


def rows(made: BatchPolicy[str]) -> list[int]:
    batches = []
    while made:
        batches.append(len(taken(made, 99.0)))
    return batches


def test_what_is_decoded_again_keeps_its_place():
    made = policy(1, ("a", "k", FINAL, 1.0), ("b", "k", FINAL, 2.0))
    made.submit(Waiting("again", "k", FINAL, 3.0, place_at=1.5))
    assert [taken(made) for _ in range(3)] == [["a"], ["again"], ["b"]]


@pytest.mark.parametrize(("final_s", "first"), [(0.0, "short"), (0.1, "short"), (0.3, "long")])
def test_finals_with_long_windows_are_begun_as_much_sooner_as_they_take_longer(final_s, first):
    made = policy(1)
    made.final_s = final_s
    made.submit(Waiting("short", "k", FINAL, 0.0, num_frames=1000))
    made.submit(Waiting("long", "l", FINAL, 0.2, num_frames=2000))
    assert taken(made)[0] == first


def test_who_has_more_slack_goes_later():
    made: BatchPolicy[str] = BatchPolicy(1)
    made.submit(Waiting("a", "k", INTERIM, 0.5, slack_s=0.5))
    made.submit(Waiting("b", "k", INTERIM, 0.0, slack_s=1.5))
    made.submit(Waiting("c", "k", INTERIM, 0.0, slack_s=0.5))
    assert [taken(made) for _ in range(3)] == [["c"], ["a"], ["b"]]


def test_who_has_just_begun_to_speak_goes_before_all_who_have_text_but_after_finals():
    made = policy(1, ("first", "k", INTERIM, 9.0), ("final", "k", FINAL, 9.5))
    made.submit(Waiting("shown", "k", INTERIM, 0.0, slack_s=0.5))
    made.submit(Waiting("earlier first", "k", INTERIM, 8.0))
    made.submit(Waiting("early final", "k", FINAL, 9.0, slack_s=5.0))
    order = [taken(made, 10.0) for _ in range(5)]
    assert order == [["final"], ["earlier first"], ["first"], ["shown"], ["early final"]]


def test_interims_have_batches_of_their_own_size():
    made: BatchPolicy[str] = BatchPolicy(4, max_interims=2)
    for job in "abc":
        made.submit(Waiting(job, "k", INTERIM, 0.0))
    for job in "def":
        made.submit(Waiting(job, "f", FINAL, 0.0))
    assert rows(made) == [3, 2, 1]


def test_interims_are_renewed_when_their_turn_comes_and_one_of_another_key_waits_on():
    new_keys = {"a": "long", "b": "short", "c": "long", "d": "long"}
    asked: list[str] = []

    def renewed(waiting: Waiting[str]) -> Waiting[str]:
        asked.append(waiting.job)
        return replace(waiting, key=new_keys[waiting.job])

    made: BatchPolicy[str] = BatchPolicy(2, renewed=renewed)
    for since, job in enumerate(new_keys):
        made.submit(Waiting(job, "short", INTERIM, since))
    assert taken(made) == ["a", "c"]
    assert asked == ["a", "b", "c"], "once the batch is full nobody else is asked"
    new_keys["b"] = "long"
    assert taken(made) == ["b", "d"]


def test_a_final_asks_no_interim_of_another_key_what_is_new():
    made: BatchPolicy[str] = BatchPolicy(4, renewed=lambda waiting: replace(waiting, key="other"))
    made.submit(Waiting("f", "wide", FINAL, 0.0))
    made.submit(Waiting("i", "wide", INTERIM, 0.0))
    made.submit(Waiting("j", "narrow", INTERIM, 0.0))
    assert taken(made) == ["f"], "the interim of its key has another by now"
    made.submit(Waiting("g", "other", FINAL, 0.0))
    assert taken(made) == ["g", "i"]


def test_only_what_interims_make_way_for_is_urgent():
    made = policy(1, ("i", "k", INTERIM, 0.0))
    assert made.urgent_at == math.inf
    made.submit(Waiting("f", "k", FINAL, 0.5, slack_s=1.0))
    assert made.urgent_at == 1.5
    made.submit(Waiting("c", "k", Purpose.CHECKPOINT, 1.0, slack_s=1.0))
    assert made.urgent_at == 1.0, "a checkpoint is, whatever its slack"
    assert taken(made, 1.25) == ["c"]
    assert taken(made, 1.25) == ["i"]
    assert made.urgent_at == 1.5


@pytest.mark.parametrize(("now", "order"), [(1.0, ["i", "f"]), (1.25, ["f", "i"])])
def test_interims_go_before_a_final_that_still_has_time(now, order):
    made = policy(1, ("i", "other", INTERIM, 0.9))
    made.submit(Waiting("f", "k", FINAL, 1.0, slack_s=0.25))
    assert [taken(made, now) for _ in range(2)] == [[job] for job in order]


def test_a_final_that_still_has_time_is_decoded_when_nothing_else_waits():
    made = policy(4)
    made.submit(Waiting("f", "k", FINAL, 0.0, slack_s=0.25))
    assert taken(made, 0.0) == ["f"]


def test_a_final_that_still_has_time_joins_a_batch_of_its_key():
    made = policy(4, ("i", "narrow", INTERIM, 0.0))
    for job, key in [("f1", "k"), ("f2", "other"), ("f3", "k")]:
        made.submit(Waiting(job, key, FINAL, 1.0, slack_s=0.25))
    made.submit(Waiting("now", "k", FINAL, 1.0))
    assert [taken(made, 1.0) for _ in range(3)] == [["now", "f1", "f3"], ["i"], ["f2"]]


def test_who_sends_faster_than_anybody_speaks_has_no_time_to_wait():
    made = policy(1, ("i", "k", INTERIM, 0.0))
    made.submit(Waiting("f", "k", FINAL, 1.0, is_live=False, slack_s=0.25))
    assert made.urgent_at == 1.0
    assert taken(made, 1.0) == ["f"]


def test_a_final_waits_only_from_when_it_is_urgent():
    made = policy(1)
    made.submit(Waiting("f", "k", FINAL, 1.0, slack_s=0.25))
    assert [made.waits_s(now)[1] for now in (1.0, 1.25, 1.5)] == [0.0, 0.0, 0.25]


def hastening(final_s: float, *waiting: Waiting[str]) -> BatchPolicy[str]:
    """Return a policy of two rows that hastens finals which take `final_s` each."""

    def hastened(waiting, haste):
        return replace(waiting, key="cheap" if haste is Haste.TIMED else "untimed")

    made: BatchPolicy[str] = BatchPolicy(2, hastened=hastened)
    made.hastens, made.final_s = True, final_s
    for each in waiting:
        made.submit(each)
    return made


def keys(made: BatchPolicy[str], now: float = 1.0) -> dict[str, str]:
    return {waiting.job: str(waiting.key) for waiting in made.take(now)}


def finals(jobs: str, **changes) -> list[Waiting[str]]:
    return [Waiting(job, "exact", FINAL, 0.0, **changes) for job in jobs]


def test_finals_are_hastened_until_no_more_wait_than_there_is_time_for():
    made = hastening(HASTEN_FROM_S / 3, *finals("abcdefg"))
    assert [keys(made) for _ in range(4)] == [
        {"a": "cheap", "b": "cheap"},
        {"c": "cheap", "d": "cheap"},
        {"e": "exact", "f": "exact"},
        {"g": "exact"},
    ]


def test_slower_finals_are_hastened_sooner():
    assert keys(hastening(HASTEN_FROM_S / 2, *finals("abc"))) == {"a": "exact", "b": "exact"}
    assert keys(hastening(HASTEN_FROM_S, *finals("abc"))) == {"a": "cheap", "b": "cheap"}


def test_finals_behind_which_many_wait_are_not_timed_either():
    made = hastening(UNTIMED_FROM_S / 4, *finals("abcdefgh"))
    assert [set(keys(made).values()) for _ in range(4)] == [
        {"untimed"},
        {"untimed"},
        {"cheap"},
        {"exact"},
    ]


def test_nothing_is_hastened_on_a_server_that_does_not():
    made = hastening(HASTEN_FROM_S, *finals("abcdefg"))
    made.hastens = False
    assert set(_all(made).values()) == {"exact"}


def test_two_workers_get_through_what_waits_in_half_the_time():
    made: BatchPolicy[str] = BatchPolicy(
        2, hastened=lambda w, _: replace(w, key="cheap"), num_workers=2
    )
    made.hastens, made.final_s = True, HASTEN_FROM_S / 2
    for each in finals("abcdef"):
        made.submit(each)
    assert _all(made) == dict.fromkeys("ab", "cheap") | dict.fromkeys("cdef", "exact")


@pytest.mark.parametrize(
    "others",
    [
        finals("abcdef", slack_s=2.0),
        finals("abcdef", is_live=False),
        [Waiting(job, "exact", INTERIM, 0.0) for job in "abcdef"],
        [Waiting(job, "exact", Purpose.CHECKPOINT, 0.0) for job in "abcdef"],
    ],
)
def test_only_live_finals_that_somebody_waits_for_count_and_are_hastened(others):
    made = hastening(HASTEN_FROM_S, *others, *finals("x"))
    assert set(_all(made).values()) == {"exact"}
    made = hastening(HASTEN_FROM_S / 2, *others, *finals("wxyz"))
    hastened = {job for job, key in _all(made).items() if key == "cheap"}
    assert hastened
    assert hastened < set("wxyz")


def _all(made: BatchPolicy[str]) -> dict[str, str]:
    taken: dict[str, str] = {}
    while made:
        taken |= keys(made)
    return taken
