import pytest

from streaming.events import WarningCode
from streaming.overload import (
    BUSY_OVER_S,
    BUSY_TO_GIVE_BACK,
    CHEAP_FINAL_WAIT_S,
    DESCEND_AFTER_S,
    MAX_STRETCH,
    NO_CHECKPOINTS_STRETCH,
    REFUSE_FINAL_WAIT_S,
    TICK_S,
    UNNOTICED_INTERIM_WAIT_S,
    Load,
    OverloadLadder,
    Rung,
    load_warning,
)
from streaming.pacing import STEP_S

pytestmark = pytest.mark.unit


class Server:
    """A ladder and the instant it was last asked."""

    def __init__(self) -> None:
        self.ladder = OverloadLadder()
        self.now = 100.0

    def waits(
        self, interim_s: float, final_s: float, for_s: float, busy: float = 0.0
    ) -> list[Load]:
        loads = []
        for _ in range(round(for_s / TICK_S)):
            self.now += TICK_S
            loads.append(self.ladder.observe(interim_s, final_s, busy, self.now))
        return loads


def test_an_idle_server_leaves_nothing_out():
    assert set(Server().waits(0.0, 0.0, 10)) == {Load()}


@pytest.mark.parametrize(
    ("interim_s", "final_s", "stretch"),
    [(0.6, 0.0, 2.0), (1.6, 0.0, 4.0), (9.0, 0.0, MAX_STRETCH), (0.0, 0.35, MAX_STRETCH)],
)
def test_the_stretch_follows_what_waits_by_a_quarter_a_tick(interim_s, final_s, stretch):
    server = Server()
    busy = server.waits(interim_s, final_s, 5)
    assert busy[0] == Load(Rung.STRETCHED, 1.25, final_s)
    assert busy[-1].stretch == pytest.approx(stretch)
    assert busy[-1].has_interims
    assert server.waits(0.0, 0.0, 10)[-1] == Load()


def test_a_moment_of_waiting_for_an_interim_is_nothing():
    assert set(Server().waits(0.1, 0.0, 5)) == {Load()}


def test_words_are_committed_early_only_while_there_is_time():
    assert Load(Rung.STRETCHED, 1.5).has_checkpoints
    assert not Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH).has_checkpoints
    assert Load(Rung.STRETCHED, 2.0).has_interims
    assert not Load(Rung.NO_INTERIMS, 1.0).has_checkpoints


def test_words_are_committed_early_again_only_when_interims_come_as_on_an_idle_server():
    server = Server()
    wait_s = UNNOTICED_INTERIM_WAIT_S + STEP_S * (NO_CHECKPOINTS_STRETCH - 1)
    assert server.waits(wait_s - 0.05, 0.0, 9)[-1].has_checkpoints
    assert not server.waits(wait_s + 0.05, 0.0, 9)[-1].has_checkpoints
    assert not server.waits(wait_s - 0.05, 0.0, 9)[-1].has_checkpoints
    assert server.waits(UNNOTICED_INTERIM_WAIT_S, 0.0, 9)[-1].has_checkpoints


def test_finals_stay_exact_while_there_are_interims_to_leave_out():
    exact = {rung: Load(rung).has_exact_finals for rung in Rung}
    assert [rung for rung in Rung if exact[rung]] == [
        Rung.NORMAL,
        Rung.STRETCHED,
        Rung.NO_INTERIMS,
    ]


def test_late_finals_are_hastened_once_interims_come_further_apart():
    assert not Load().hastens_finals
    assert not Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH - 0.1).hastens_finals
    assert Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH).hastens_finals
    assert Load(Rung.NO_INTERIMS, 1.0).hastens_finals


def test_rungs_are_climbed_one_by_one_and_finals_are_never_left_out():
    server = Server()
    rungs = [load.rung for load in server.waits(9.0, REFUSE_FINAL_WAIT_S + 1, 10)]
    assert sorted(set(rungs)) == list(Rung)[1:]
    assert rungs == sorted(rungs)


def test_each_rung_needs_its_own_wait():
    server = Server()
    assert server.waits(9.0, CHEAP_FINAL_WAIT_S - 0.1, 30)[-1].rung is Rung.NO_INTERIMS
    assert server.waits(9.0, CHEAP_FINAL_WAIT_S + 0.1, 30)[-1].rung is Rung.CHEAP_FINALS


def test_late_interims_alone_are_never_left_out_for_they_hear_what_is_new():
    assert Server().waits(9.0, 0.0, 30)[-1] == Load(Rung.STRETCHED, MAX_STRETCH, was_late=True)


def test_a_moment_of_waiting_does_not_climb():
    server = Server()
    server.waits(0.5, 0.0, 5)
    assert server.waits(2.0, 0.0, 3 * TICK_S)[-1].rung is Rung.STRETCHED
    server.waits(0.0, 0.0, TICK_S)


def test_a_quiet_server_comes_down_one_rung_at_a_time():
    server = Server()
    server.waits(9.0, 9.0, 20)
    loads = server.waits(0.0, 0.0, 4 * DESCEND_AFTER_S + 10)
    rungs = [load.rung for load in loads]
    assert rungs == sorted(rungs, reverse=True)
    assert rungs[0] is Rung.REFUSING
    assert loads[-1] == Load()


def test_a_rung_that_did_not_last_is_left_more_slowly():
    server = Server()
    times = []
    for _ in range(3):
        server.waits(9.0, CHEAP_FINAL_WAIT_S - 0.1, 10)
        quiet = [load.rung for load in server.waits(0.0, 0.0, 30)]
        times.append(quiet.index(Rung.STRETCHED))
    server.waits(9.0, CHEAP_FINAL_WAIT_S - 0.1, 10)
    quiet = [load.rung for load in server.waits(0.0, 0.0, DESCEND_AFTER_S + 1)]
    assert times[0] == quiet.index(Rung.STRETCHED), "thirty quiet seconds are forgotten"
    server.waits(9.0, CHEAP_FINAL_WAIT_S - 0.1, 3)
    quiet = [load.rung for load in server.waits(0.0, 0.0, 30)]
    assert quiet.index(Rung.STRETCHED) > 1.8 * times[0]


@pytest.mark.parametrize(
    ("rung", "waits_s"),
    [(Rung.NO_INTERIMS, CHEAP_FINAL_WAIT_S - 0.1), (Rung.CHEAP_FINALS, CHEAP_FINAL_WAIT_S + 0.1)],
)
def test_what_is_left_out_comes_back_only_when_there_is_room_for_it(rung, waits_s):
    server = Server()
    assert server.waits(9.0, waits_s, 30, busy=1.0)[-1].rung is rung
    room = BUSY_TO_GIVE_BACK[rung]
    full = server.waits(9.0, 0.0, 60, busy=room + 0.02)
    assert {load.rung for load in full} == {rung}
    freed = server.waits(9.0, 0.0, 10 * BUSY_OVER_S, busy=room - 0.02)
    assert freed[-1].rung < rung


@pytest.mark.parametrize("rung", list(Rung))
def test_clients_are_told_what_they_miss(rung):
    warned = load_warning(Load(rung, 6.0, 1.26))
    is_back = rung < Rung.NO_INTERIMS
    assert warned.code is (WarningCode.RECOVERED if is_back else WarningCode.LAGGING)
    assert is_back or "1.3 s" in warned.message
