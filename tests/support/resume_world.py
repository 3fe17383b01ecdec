"""A client, a store and replicas in one thread: what may go wrong between them, step by step.

The client follows the rules of docs/protocol.md: it keeps what is not acked, and after `resumed`
sends everything from the named sample on again. Servers hold messages back until they are
committed. What the network or a crash loses is simply never delivered.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from streaming.effects import Effect, Emit, ScoreSpeech
from streaming.event_log import KeptEvent, LoggedEvent, event_to_bytes
from streaming.events import (
    AudioAcknowledged,
    Closed,
    Final,
    Finalized,
    FinalizeRequested,
    Samples,
    ServerEvent,
    SessionResumed,
    StopRequested,
    UtteranceEnded,
)
from streaming.options import OptionLimits, SessionOptions
from streaming.resume import Resumption
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.snapshot import SessionSnapshot
from streaming.speech_gate import WINDOW_SAMPLES, SpeechPolicy
from tests.support import scripted_speech
from tests.support.session_harness import ENGLISH, SessionHarness

REMEMBERED = 3


class RememberingScorer:
    """Scores a window by itself and those before it, so that lost memory moves the edges."""

    def __init__(self, memory: bytes = b"") -> None:
        known = np.frombuffer(memory, dtype=np.float64)
        self._levels = known if len(known) else np.zeros(REMEMBERED)

    def score(self, audio: Samples) -> tuple[list[float], list[bytes]]:
        scores, memories = [], []
        for window in audio.reshape(-1, WINDOW_SAMPLES):
            level = float(np.abs(window).mean() > scripted_speech.LEVEL_STEP / 4)
            self._levels = np.append(self._levels[1:], level)
            scores.append(0.1 + 0.8 * float(self._levels.mean()))
            memories.append(self._levels.tobytes())
        return scores, memories


class Replica(SessionHarness):
    """A session on one server, with decodes answered when told."""

    def __init__(self, plan: SessionPlan) -> None:
        snapshot = plan.resumption.snapshot if plan.resumption else None
        channels = snapshot.channels if snapshot else ()
        memories = [c.point.memory for c in channels] or [b""] * plan.options.audio.num_transcripts
        self._scorers = [RememberingScorer(memory) for memory in memories]
        self.num_taken = 0
        super().__init__(plan.options, holds_decodes=True, plan=plan)

    def _score(self, effect: ScoreSpeech) -> list[Effect]:
        scores, memories = self._scorers[effect.channel].score(effect.audio)
        return self.session.on_scores(effect.channel, scores, memories.__getitem__)

    def take_emitted(self) -> list[Emit]:
        fresh = self.emitted[self.num_taken :]
        self.num_taken = len(self.emitted)
        return fresh


@dataclass
class Store:
    token: int = 0
    snapshot: bytes = b""
    log: list[LoggedEvent] = field(default_factory=list)

    def commit(self, token: int, events: list[LoggedEvent], snapshot: bytes) -> bool:
        if token < self.token:
            return False
        assert all(event.seq > (self.log[-1].seq if self.log else 0) for event in events[:1])
        self.token = token
        self.log += events
        self.snapshot = snapshot
        return True


@dataclass
class Owner:
    replica: Replica
    token: int
    committed: list[Emit] = field(default_factory=list)


Step = Samples | FinalizeRequested
"""What the client says, in order; audio has shape (num_channels, n)."""


class World:
    """One session's life."""

    def __init__(self, options: SessionOptions, script: list[Step]) -> None:
        self._plan = SessionPlan(
            "s1", options, ENGLISH, OptionLimits(), SessionLimits(), SpeechPolicy(), secret="x"
        )
        self._script = script
        self._next_step = 0
        self._store = Store(token=1)
        self._kept: list[tuple[int, Step]] = []
        self._sent_samples = 0
        self._last_seq = 0
        self._held_acks: list[AudioAcknowledged] = []
        self.heard: list[tuple[int, ServerEvent]] = []
        self.zombies: list[Owner] = []
        self.owner = Owner(Replica(self._plan), 1)
        self.commit()

    @property
    def is_closed(self) -> bool:
        return any(isinstance(event, Closed) for _, event in self.heard)

    def say(self) -> None:
        """Let the client say its next thing; it is lost when the server is leaving."""
        if self._next_step == len(self._script):
            return
        step = self._script[self._next_step]
        self._next_step += 1
        self._kept.append((self._sent_samples, step))
        self._sent_samples += 0 if isinstance(step, FinalizeRequested) else step.shape[1]
        self._tell(self.owner.replica, step)

    def decode(self, index: int) -> None:
        """Let the engine answer one of the decodes that wait."""
        for owner in (self.owner, *self.zombies):
            if owner.replica.held:
                owner.replica.release(index % len(owner.replica.held))

    def commit(self) -> None:
        """Write what the owner has to write; only then may the client hear it."""
        self._commit(self.owner)

    def deliver(self, count: int) -> None:
        """Bring committed messages to the client."""
        for emit in self.owner.committed[:count]:
            self._hear(emit)
        del self.owner.committed[:count]

    def take_acks(self, *, newest_first: bool) -> None:
        """Let the client act on acks, late and in any order."""
        acks = sorted(self._held_acks, key=lambda a: a.client_sample, reverse=newest_first)
        for ack in acks:
            self._kept = [
                (at, step)
                for at, step in self._kept
                if (at if isinstance(step, FinalizeRequested) else at + step.shape[1])
                >= ack.client_sample
            ]
        self._held_acks.clear()

    def crash(self) -> None:
        """Kill the owner; the client resumes elsewhere."""
        self._resume()

    def cut(self) -> None:
        """Cut the network; the owner lives on and does not know."""
        self.zombies.append(self.owner)
        self._resume()

    def hand_over(self) -> None:
        """Drain the owner: it finishes what the engine has, commits and leaves."""
        self.owner.replica.perform(self.owner.replica.session.hand_over())
        while self.owner.replica.held and not self.owner.replica.is_closed:
            self.owner.replica.release()
        self.commit()
        self._resume()

    def wake_zombies(self) -> None:
        """Let every owner before try to write."""
        for zombie in self.zombies:
            assert not self._commit(zombie)
            zombie.replica.perform(zombie.replica.session.detach())
        self.zombies.clear()

    def finish(self) -> None:
        """Without further trouble: say the rest, stop, hear everything."""
        while self._next_step < len(self._script):
            self.say()
        self.owner.replica.perform(self.owner.replica.session.on_control(StopRequested(), now=0.0))
        while self.owner.replica.held:
            self.owner.replica.release()
        self.commit()
        self.deliver(len(self.owner.committed))

    def _commit(self, owner: Owner) -> bool:
        fresh = owner.replica.take_emitted()
        events = [
            LoggedEvent(emit.seq, event_to_bytes(emit.event))
            for emit in fresh
            if isinstance(emit.event, KeptEvent) and not self._is_replayed(emit)
        ]
        snapshot = owner.replica.session.snapshot().to_bytes()
        if not self._store.commit(owner.token, events, snapshot):
            return False
        owner.committed += fresh
        return True

    def _is_replayed(self, emit: Emit) -> bool:
        return any(event.seq == emit.seq for event in self._store.log)

    def _resume(self) -> None:
        store = self._store
        store.token += 1
        snapshot = SessionSnapshot.from_bytes(store.snapshot)
        missed = tuple(event for event in store.log if event.seq > self._last_seq)
        resumption = Resumption(snapshot, self._last_seq, missed, 0.0)
        plan = replace(self._plan, options=snapshot.options, resumption=resumption)
        self.owner = Owner(Replica(plan), store.token)
        self.commit()
        resumed = next(e.event for e in self.owner.committed if isinstance(e.event, SessionResumed))
        self.deliver(len(self.owner.committed))
        self._send_again(resumed.client_sample)

    def _send_again(self, from_sample: int) -> None:
        covered = self._kept[0][0] if self._kept else self._sent_samples
        assert covered <= from_sample, "the client must still hold what is asked for"
        for at, step in self._kept:
            if isinstance(step, FinalizeRequested):
                if at >= from_sample:
                    self._tell(self.owner.replica, step)
            elif at + step.shape[1] > from_sample:
                self._tell(self.owner.replica, step[:, max(0, from_sample - at) :])

    def _tell(self, replica: Replica, step: Step) -> None:
        if replica.is_closed:
            return
        session = replica.session
        if isinstance(step, FinalizeRequested):
            replica.perform(session.on_control(step, 0.0))
        else:
            replica.perform(session.on_audio(step, 0.0))

    def _hear(self, emit: Emit) -> None:
        assert emit.seq > self._last_seq, "numbers only grow"
        self._last_seq = emit.seq
        self.heard.append((emit.seq, emit.event))
        if isinstance(emit.event, AudioAcknowledged):
            self._held_acks.append(emit.event)

    def transcript(self) -> list[ServerEvent]:
        """Return what must not depend on any trouble, channel by channel."""
        kept = [e for _, e in self.heard if isinstance(e, Final | UtteranceEnded)]
        return sorted(kept, key=lambda event: event.channel)

    def finalized_ids(self) -> list[str | None]:
        return [event.id for _, event in self.heard if isinstance(event, Finalized)]
