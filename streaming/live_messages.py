"""What is said about a session on its live topic: to bytes and back, in no wire protocol's words.

Nothing here is kept. A replica of another version may say what is not known here: that is left out.
"""

import json
from dataclasses import dataclass

from streaming.event_log import KeptEvent
from streaming.events import Interim
from streaming.transcript import Word


@dataclass(frozen=True, slots=True)
class LogGrown:
    """The log of the session goes to `seq` now."""

    seq: int


@dataclass(frozen=True, slots=True)
class InterimSaid:
    """The owner's newest guess of an open utterance."""

    seq: int
    interim: Interim


@dataclass(frozen=True, slots=True)
class SessionErased:
    """The session was deleted: nobody may see it any more."""


@dataclass(frozen=True, slots=True)
class ShareRevoked:
    """Who came with this share may see the session no more."""

    share_id: str


LiveMessage = LogGrown | InterimSaid | SessionErased | ShareRevoked

ViewedEvent = Interim | KeptEvent
"""What a viewer can be told of."""


def live_to_bytes(message: LiveMessage) -> bytes:
    """Return the message as one word and what belongs to it."""
    match message:
        case LogGrown(seq):
            return b"log %d" % seq
        case InterimSaid(seq, interim):
            return b"interim %d %b" % (seq, _interim_to_bytes(interim))
        case SessionErased():
            return b"erased"
        case ShareRevoked(share_id):
            return b"revoked %b" % share_id.encode()


def live_from_bytes(data: bytes) -> LiveMessage | None:
    """Return the message of these bytes; None when it is of no kind that this version knows."""
    word, _, rest = data.partition(b" ")
    try:
        match word:
            case b"log":
                return LogGrown(int(rest))
            case b"interim":
                seq, _, record = rest.partition(b" ")
                return InterimSaid(int(seq), _interim_from_bytes(record))
            case b"erased":
                return SessionErased()
            case b"revoked":
                return ShareRevoked(rest.decode())
            case _:
                return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _interim_to_bytes(interim: Interim) -> bytes:
    record = {name: getattr(interim, name) for name in interim.__dataclass_fields__}
    for name in ("committed", "tentative"):
        words: tuple[Word, ...] = record[name]
        record[name] = [[w.text, w.start_sample, w.end_sample, w.confidence] for w in words]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _interim_from_bytes(data: bytes) -> Interim:
    record = json.loads(data)
    for name in ("committed", "tentative"):
        record[name] = tuple(Word(*fields) for fields in record[name])
    return Interim(**record)
