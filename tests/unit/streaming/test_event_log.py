import pytest

from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import event_from_bytes, event_to_bytes, is_kept
from streaming.events import (
    AudioAcknowledged,
    Closed,
    EndReason,
    Failed,
    Final,
    Finalized,
    OptionsUpdated,
    UtteranceEnded,
    Warned,
    WarningCode,
)
from streaming.transcript import Word
from tests.support.session_harness import with_options

pytestmark = pytest.mark.unit

KEPT = [
    Final(1, 0, (Word("Grüß", 5, 9, 0.5), Word(" Gott")), 5, 90, "de", 0.25),
    UtteranceEnded(1, 0, 90, EndReason.PAUSE),
    Finalized(None, 480),
    Finalized("f1", 480),
    OptionsUpdated(with_options(keyterms=("Ann", "Bo"), words=True)),
    Warned(WarningCode.DECODE_FAILED, "it failed", "try again"),
    Closed("stop", 5, 4, 3, 2),
]


@pytest.mark.parametrize("event", KEPT, ids=lambda event: type(event).__name__)
def test_a_kept_event_comes_back_as_it_was(event):
    assert is_kept(event)
    assert event_from_bytes(event_to_bytes(event)) == event


def test_a_failure_comes_back_with_all_it_says():
    error = StarlingError(ErrorCode.OVERLOADED, "full", "wait", retry_after_s=5.0)
    back = event_from_bytes(event_to_bytes(Failed(error)))
    assert isinstance(back, Failed)
    assert (back.error.code, back.error.message, back.error.hint, back.error.retry_after_s) == (
        ErrorCode.OVERLOADED,
        "full",
        "wait",
        5.0,
    )


def test_acks_are_not_kept():
    assert not is_kept(AudioAcknowledged(5, 5))


@pytest.mark.parametrize("data", [b"{}", b'{"kind": "Song"}', b'{"kind": "Closed"}', b"[]"])
def test_bytes_of_no_known_event_are_refused(data):
    with pytest.raises(ValueError, match="not a kept event"):
        event_from_bytes(data)
