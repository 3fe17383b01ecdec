"""Kinds of windows behind a server's decodes."""

import pytest

from server.cli.ceiling import window_kinds, without_client

pytestmark = pytest.mark.unit


def used(retries=0, timed=None, **lengths):
    return {"decode_audio_s": lengths, "decodes_timed": timed or {}, "retries": retries}


def test_decodes_are_grouped_by_window_beam_and_timestamps():
    kinds = window_kinds(
        used(final=[(2, 10), (5, 20), (12, 4)], interim=[(2, 30), (8, 6)]), final_beam=3
    )

    assert [(k.frames, k.beam_size, k.has_timestamps, k.share) for k in kinds] == [
        (768, 1, False, 30),
        (1000, 1, True, 6),
        (1000, 3, False, 30),
        (1250, 3, False, 4),
    ]


def test_cheap_finals_are_windows_of_their_own():
    kinds = window_kinds(
        used(timed={"final": 20}, final=[(5, 20)], cheap_final=[(5, 30), (8, 4)]), final_beam=3
    )
    assert [(k.frames, k.beam_size, k.share, k.timed_share) for k in kinds] == [
        (768, 2, 30, 0.0),
        (1000, 2, 4, 0.0),
        (1000, 3, 20, 1.0),
    ]


def test_lengths_keep_their_shares():
    kind = window_kinds(used(final=[(2, 10), (5, 30)]), final_beam=3)[0]

    assert kind.audio_s.count(pytest.approx(1.8)) == 2
    assert kind.audio_s.count(pytest.approx(4.5)) == 6


def test_words_are_aligned_for_as_many_windows_as_the_server_timed():
    kinds = window_kinds(
        used(
            timed={"final": 30.0, "checkpoint": 5.0},
            final=[(2, 10), (12, 20)],
            checkpoint=[(5, 10)],
            interim=[(2, 30)],
        ),
        final_beam=3,
    )
    shares = {(k.frames, k.beam_size): k.timed_share for k in kinds}
    assert shares == {(768, 1): 0.0, (1000, 3): pytest.approx(15 / 20), (1250, 3): 1.0}


def test_retries_are_full_windows():
    kinds = window_kinds(used(final=[(5, 30)], retries=3), final_beam=3)

    assert (kinds[-1].frames, kinds[-1].beam_size, kinds[-1].share) == (3000, 1, 3)
    assert sum(kind.share for kind in kinds) == 30, "every decode is counted once"


def test_no_kind_is_left_of_which_all_were_decoded_again():
    kinds = window_kinds(used(interim=[(2, 9)], final=[(5, 30), (20, 2)], retries=3), final_beam=3)
    assert [(kind.frames, kind.share) for kind in kinds] == [(768, 9), (1000, 29), (3000, 3)]


def test_no_decodes_have_no_kinds():
    assert window_kinds(used(final=[(5, 0)], retries=0), final_beam=3) == []


def test_the_client_takes_its_cores_from_the_server_alone(monkeypatch):
    monkeypatch.setattr("server.cli.ceiling.num_cores", lambda: 2)

    assert without_client(0.75, client_cores=0.2) == pytest.approx(0.75 * 2 / 1.8)
