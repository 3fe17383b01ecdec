"""Batches: never too many, one key, urgent ones first, nothing lost or doubled.

Interims may have another key by the time their turn comes.
"""

import math
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streaming.batching import BatchPolicy, Waiting
from streaming.effects import Purpose

pytestmark = pytest.mark.property


class PolicyAgainstDict(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.waiting: dict[int, Waiting[int]] = {}
        self.new_keys: dict[int, int] = {}
        self.now = 0.0
        self.num_jobs = 0

    @initialize(max_batch=st.integers(1, 6))
    def open(self, max_batch):
        self.max_batch = max_batch
        self.policy: BatchPolicy[int] = BatchPolicy(max_batch, renewed=self.renewed)

    def renewed(self, waiting):
        assert waiting.purpose is Purpose.INTERIM
        key = self.new_keys.pop(waiting.job, waiting.key)
        self.waiting[waiting.job] = replace(waiting, key=key)
        return self.waiting[waiting.job]

    @rule(
        key=st.integers(0, 3),
        purpose=st.sampled_from(Purpose),
        passed=st.floats(0, 2),
        client=st.tuples(st.sampled_from("abc"), st.booleans()),
        times=st.tuples(st.floats(0, 3), st.just(-math.inf) | st.floats(0, 3)),
    )
    def submit(self, key, purpose, passed, client, times):
        self.now += passed
        self.num_jobs += 1
        slack_s, waited_s = times
        job = Waiting(self.num_jobs, key, purpose, self.now, *client, slack_s=slack_s)
        job = replace(job, place_at=self.now - waited_s)
        self.policy.submit(job)
        self.waiting[job.job] = job

    @rule(share=st.floats(0, 1), key=st.integers(0, 3))
    def grow(self, share, key):
        """Let an interim have another key from now on."""
        job = int(share * (self.num_jobs + 1))
        if job in self.waiting:
            self.new_keys[job] = key

    @rule(share=st.floats(0, 1))
    def cancel(self, share):
        job = int(share * (self.num_jobs + 1))
        assert self.policy.cancel(job) is (self.waiting.pop(job, None) is not None)

    @rule()
    def take(self):
        batch = self.policy.take(self.now)
        assert bool(batch) == bool(self.waiting)
        assert len(batch) <= self.max_batch
        assert len({waiting.key for waiting in batch}) <= 1
        if batch:
            self.assert_best_first(batch)
        for waiting in batch:
            assert self.waiting.pop(waiting.job) == waiting

    def assert_best_first(self, batch):
        """No job that was left behind with the same key should have gone first."""

        def rank(waiting):
            if waiting.purpose is Purpose.INTERIM:
                place = 1
            else:
                has_time = waiting.purpose is Purpose.FINAL and waiting.is_live
                place = 2 if has_time and waiting.deadline > self.now else 0
            before = [
                w
                for w in self.waiting.values()
                if w.owner == waiting.owner
                and w.purpose is waiting.purpose
                and (w.order, w.job) < (waiting.order, waiting.job)
            ]
            return place, len(before), waiting.order

        assert rank(batch[0]) == min(map(rank, self.waiting.values()))
        assert [rank(waiting) for waiting in batch] == sorted(map(rank, batch))
        left = [w for w in self.waiting.values() if w.key == batch[0].key and w not in batch]
        if left:
            assert len(batch) == self.max_batch
            assert rank(batch[-1]) <= min(map(rank, left))

    @invariant()
    def nothing_is_lost_or_doubled(self):
        if hasattr(self, "policy"):
            assert len(self.policy) == len(self.waiting)
            oldest = min((w.since for w in self.waiting.values()), default=self.now)
            assert self.policy.oldest_wait_s(self.now) == self.now - oldest


TestBatchPolicy = PolicyAgainstDict.TestCase
TestBatchPolicy.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
