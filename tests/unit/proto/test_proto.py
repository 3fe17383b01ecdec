"""`proto/` keeps its promises, and the committed Python is what it generates."""

import pytest

from tests.support.proto_contract import (
    GENERATED,
    broken,
    files_below,
    generate,
    promises,
    read_contract,
)

pytestmark = pytest.mark.unit


def test_nothing_that_clients_rely_on_has_changed():
    assert broken(read_contract(), promises()) == []


def test_every_addition_is_promised():
    assert read_contract() == promises(), "run `make proto`"


def test_the_generated_python_is_fresh(tmp_path):
    assert generate(tmp_path) == files_below(GENERATED), "run `make proto`"


FIELD = "starling.v1.Final.text"


@pytest.mark.parametrize(
    "change",
    [
        {FIELD: "9 LABEL_OPTIONAL TYPE_STRING"},
        {FIELD: "3 LABEL_OPTIONAL TYPE_BYTES"},
        {FIELD: "3 LABEL_REPEATED TYPE_STRING"},
        {FIELD: "3 LABEL_OPTIONAL TYPE_STRING optional"},
        {FIELD: None},
        {"starling.v1.EndReason.END_REASON_STOP": "7"},
        {"starling.v1.Transcription/Transcribe": None},
    ],
)
def test_a_breaking_change_is_seen(change):
    found = {name: what for name, what in (promises() | change).items() if what is not None}
    assert len(broken(promises(), found)) == 1


def test_an_addition_breaks_nothing():
    assert broken(promises(), promises() | {"starling.v1.Final.speaker": "9 TYPE_STRING"}) == []
