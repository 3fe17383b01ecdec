"""How a session goes on elsewhere: small enough for every commit, exact enough for every word.

Nothing decoded is kept but the last words that are out, which the next final is decoded together
with. A channel goes on from the moment its oldest unfinished utterance opened
(or from now, when it is idle): which windows were scored, what the gate and the speech model
remember, what the utterance is called. The client sends the audio from `safe_sample` again; the
same windows, checkpoints and cuts follow, and with them the same finals. Windows before the
channel's point are not scored again: their audio is pre-roll.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from streaming.left_context import NO_CONTEXT, LeftContext
from streaming.option_record import options_from_record, options_to_record
from streaming.options import SessionOptions

VERSION = 2


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """An utterance at the moment it opened; one flag a window from `first_window` on."""

    start_sample: int
    audio_start_sample: int
    first_window: int
    speech_flags: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class ChannelPoint:
    """A channel after `scored_windows` windows; `memory` is the speech model's, opaque here."""

    scored_windows: int
    is_in_speech: bool
    run_windows: int
    used_to_sample: int
    flushed_to_sample: int
    num_utterances: int
    speech_samples: int
    memory: bytes
    opened: OpenPoint | None = None


@dataclass(frozen=True, slots=True)
class ChannelSnapshot:
    """Where a channel goes on, and what it knew when the snapshot was taken."""

    point: ChannelPoint
    num_finals: int
    language: str | None
    context: LeftContext = NO_CONTEXT


FRESH = ChannelSnapshot(
    ChannelPoint(
        scored_windows=0,
        is_in_speech=False,
        run_windows=0,
        used_to_sample=0,
        flushed_to_sample=-1,
        num_utterances=0,
        speech_samples=0,
        memory=b"",
    ),
    num_finals=0,
    language=None,
)
"""A channel that has heard nothing."""


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """A session between two events. Audio from `safe_sample` on is needed again."""

    options: SessionOptions
    safe_sample: int
    last_seq: int
    opened_at_unix_s: float
    channels: tuple[ChannelSnapshot, ...]

    def to_bytes(self) -> bytes:
        """Return a line of JSON, then the speech model's memories as they are."""
        record = {
            "version": VERSION,
            "options": options_to_record(self.options),
            "safe_sample": self.safe_sample,
            "last_seq": self.last_seq,
            "opened_at_unix_s": self.opened_at_unix_s,
            "channels": [_channel_record(channel) for channel in self.channels],
        }
        head = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        return b"\n".join([head, b"".join(c.point.memory for c in self.channels)])

    @classmethod
    def from_bytes(cls, data: bytes) -> "SessionSnapshot":
        """Return the snapshot of these bytes.

        Raises:
            ValueError: They are no snapshot of this version.
        """
        head, _, memories = data.partition(b"\n")
        try:
            record = json.loads(head)
            if record["version"] != VERSION:
                raise ValueError(f"snapshot version {record['version']} is not known")
            channels = []
            for channel in record["channels"]:
                size = channel.pop("memory_bytes")
                channels.append(_channel(channel, memories[:size]))
                memories = memories[size:]
            return cls(
                options_from_record(record["options"]),
                record["safe_sample"],
                record["last_seq"],
                record["opened_at_unix_s"],
                tuple(channels),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot: {error!r}") from None


def _channel_record(channel: ChannelSnapshot) -> dict[str, Any]:
    record = asdict(channel)
    point = record["point"]
    record["memory_bytes"] = len(point.pop("memory"))
    if point["opened"] is not None:
        flags = point["opened"]["speech_flags"]
        point["opened"]["speech_flags"] = "".join("01"[flag] for flag in flags)
    record["context"] = channel.context.to_record()
    return record


def _channel(record: dict[str, Any], memory: bytes) -> ChannelSnapshot:
    point = record["point"]
    opened = point.pop("opened")
    if opened is not None:
        flags = tuple(flag == "1" for flag in opened["speech_flags"])
        opened = OpenPoint(**opened | {"speech_flags": flags})
    return ChannelSnapshot(
        ChannelPoint(**point, memory=memory, opened=opened),
        record["num_finals"],
        record["language"],
        LeftContext.from_record(record.get("context")),
    )
