"""Every metric of the server, in one registry; `docs/metrics.md` explains them to operators.

Names follow Prometheus' guide: base units, `_total` on counters. No session ids as labels.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

LATENCY_BUCKETS_S = (0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
AUDIO_BUCKETS_S = (1, 2, 3, 4, 5, 6, 7, 8.5, 10, 12, 14, 16, 18.5, 23.5, 30)
BATCH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class Metrics:
    """Holds the metrics; one instance a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        ProcessCollector(registry=registry)
        self.sessions_open = Gauge(
            "starling_sessions_open", "Sessions open now.", registry=registry
        )
        self.sessions = Counter(
            "starling_sessions", "Sessions ended, by how.", ["reason"], registry=registry
        )
        self.refused = Counter(
            "starling_sessions_refused", "Sessions refused, by why.", ["reason"], registry=registry
        )
        self.audio_seconds = Counter(
            "starling_audio_seconds", "Audio received, per channel.", registry=registry
        )
        self.finals = Counter("starling_finals", "Finals sent.", registry=registry)
        self.interims = Counter("starling_interims", "Interims sent.", registry=registry)
        self.batch_size = Histogram(
            "starling_batch_size",
            "Rows in an engine batch.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.decode_seconds = Histogram(
            "starling_decode_seconds",
            "Time of an engine batch.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "starling_queue_seconds",
            "Time a decode waited for the engine, or on purpose for a batch to join.",
            ["purpose"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.queue_length = Gauge(
            "starling_queue_length", "Decodes waiting for the engine.", registry=registry
        )
        self.decode_audio_seconds = Histogram(
            "starling_decode_audio_seconds",
            "Audio of a decode; purpose cheap_final: a final decoded with less care.",
            ["purpose"],
            buckets=AUDIO_BUCKETS_S,
            registry=registry,
        )
        self.overload_rung = Gauge(
            "starling_overload_rung",
            "What is left out: 0 nothing, 1 some interims, 2 all interims, "
            "3 exact finals too, 4 new sessions too.",
            registry=registry,
        )
        self.interim_stretch = Gauge(
            "starling_interim_stretch",
            "How much further apart interims come than on an idle server.",
            registry=registry,
        )
        self.decodes = Counter(
            "starling_decodes", "Decodes, by purpose.", ["purpose"], registry=registry
        )
        self.timed_decodes = Counter(
            "starling_decodes_timed",
            "Decodes whose words are given times, for clients or as context, by purpose "
            "(cheap_final: a final decoded with less care).",
            ["purpose"],
            registry=registry,
        )
        self.contexts_left_out = Counter(
            "starling_decode_contexts_left_out",
            "Decodes done again alone because they did not go on from the words before.",
            registry=registry,
        )
        self.decodes_unfinished = Counter(
            "starling_decodes_unfinished",
            "Finals and file segments that left out speech at their end, which was decoded then.",
            registry=registry,
        )
        self.finals_hastened = Counter(
            "starling_finals_hastened",
            "Finals decoded with less care because too many waited behind them.",
            registry=registry,
        )
        self.decode_retries = Counter(
            "starling_decode_retries", "Decodes repeated as degenerate.", registry=registry
        )
        self.decode_failures = Counter(
            "starling_decode_failures", "Decodes that raised.", registry=registry
        )
        self.vad_batch_size = Histogram(
            "starling_vad_batch_size",
            "Channels in a speech scoring batch.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.vad_seconds = Histogram(
            "starling_vad_seconds",
            "Time of a speech scoring batch.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
            registry=registry,
        )
        self.final_latency_seconds = Histogram(
            "starling_final_latency_seconds",
            "From hearing the end of the speech to sending its final.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.loop_lag_seconds = Histogram(
            "starling_event_loop_lag_seconds",
            "How late the event loop runs a timer.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
            registry=registry,
        )
        self.store_commit_seconds = Histogram(
            "starling_store_commit_seconds",
            "Time of a write to the session store.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5),
            registry=registry,
        )
        self.store_waiting = Gauge(
            "starling_store_waiting_sessions",
            "Sessions with commits that are not written.",
            registry=registry,
        )
        self.store_degraded = Gauge(
            "starling_store_degraded",
            "1 while captions do not wait for the session store.",
            registry=registry,
        )
        self.store_failures = Counter(
            "starling_store_failures", "Writes to the store that failed.", registry=registry
        )
        self.store_given_up = Counter(
            "starling_store_given_up",
            "Sessions whose commits were dropped because too many waited.",
            registry=registry,
        )
        self.store_rewritten = Counter(
            "starling_store_rewritten",
            "Sessions written again because the store had lost writes.",
            registry=registry,
        )
        self.resumes = Counter(
            "starling_resumes", "Sessions resumed here, by outcome.", ["outcome"], registry=registry
        )
        self.sessions_fenced = Counter(
            "starling_sessions_fenced",
            "Sessions that this replica lost to another owner.",
            registry=registry,
        )
        self.viewers = Gauge(
            "starling_viewers", "Viewers of live sessions connected here.", registry=registry
        )
        self.viewers_dropped = Counter(
            "starling_viewers_dropped",
            "Viewers that did not read their messages.",
            registry=registry,
        )
        self.ready = Gauge("starling_ready", "1 when sessions are taken.", registry=registry)
