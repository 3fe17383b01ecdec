"""How a client goes on with a session that lost its connection.

Every rule about numbers is here: which place in the client's own samples stands for a place at
16 kHz, and which sequence number comes next.
"""

from dataclasses import dataclass
from math import gcd

from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import LoggedEvent
from streaming.options import TARGET_RATE_HZ, AudioFormat, Encoding
from streaming.snapshot import SessionSnapshot

WARM_SAMPLES = TARGET_RATE_HZ // 4
"""Heard again before the first sample that counts, so that a new resampler has settled."""

MAX_UNSEEN_SEQ = 1_000_000
"""How many numbers a client may have seen that no commit knows of; interims are two a second."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """What a client says to go on: which session, its secret, the last number it heard."""

    session_id: str
    secret: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a session goes on from.

    `missed` are the kept events after the client's last one; `elapsed_s` is how long ago the
    session opened.
    """

    snapshot: SessionSnapshot
    last_seq: int
    missed: tuple[LoggedEvent, ...]
    elapsed_s: float

    @property
    def next_seq_after(self) -> int:
        """The largest number that is taken: by a commit, by the log, or by what the client saw."""
        logged = self.missed[-1].seq if self.missed else 0
        return max(self.snapshot.last_seq, self.last_seq, logged)


@dataclass(frozen=True, slots=True)
class ResumePlace:
    """Where the audio goes on.

    `client_sample` counts the client's own samples (of one channel): it sends from there on.
    They come out at `output_sample` at 16 kHz, and count from `safe_sample` on.
    """

    client_sample: int
    output_sample: int
    safe_sample: int

    @property
    def num_discarded(self) -> int:
        """How many 16 kHz samples only warm the resampler."""
        return self.safe_sample - self.output_sample


START = ResumePlace(0, 0, 0)


def resume_place(audio: AudioFormat, safe_sample: int) -> ResumePlace:
    """Return where a client with this audio must go on for everything from `safe_sample` on.

    A container cannot be entered in its middle: it is sent again from its first byte, and what
    was heard of it is skipped after decoding.
    """
    rate_hz = audio.sample_rate_hz
    if audio.encoding is Encoding.CONTAINER or rate_hz is None:
        return ResumePlace(0, 0, safe_sample)
    if rate_hz == TARGET_RATE_HZ:
        return ResumePlace(safe_sample, safe_sample, safe_sample)
    step = gcd(rate_hz, TARGET_RATE_HZ)
    num_steps = max(0, safe_sample - WARM_SAMPLES) // (TARGET_RATE_HZ // step)
    return ResumePlace(
        num_steps * (rate_hz // step), num_steps * (TARGET_RATE_HZ // step), safe_sample
    )


def check_last_seq(request: ResumeRequest, snapshot: SessionSnapshot) -> None:
    """Refuse a number that the session cannot have reached.

    Raises:
        StarlingError: PROTOCOL_VIOLATION.
    """
    if not 0 <= request.last_seq <= snapshot.last_seq + MAX_UNSEEN_SEQ:
        raise StarlingError(
            ErrorCode.PROTOCOL_VIOLATION,
            f"last_seq={request.last_seq} is no number of this session",
            "send the `seq` of the last message that arrived, 0 for none",
        )
