"""Metrics read from text, and what happened between two readings."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from loadtest.metric_readings import Span, read_metrics

pytestmark = pytest.mark.unit


class Server:
    def __init__(self):
        self.registry = CollectorRegistry()
        self.decodes = Counter("app_decodes", "d", ["purpose"], registry=self.registry)
        self.memory = Gauge("process_memory_bytes", "m", registry=self.registry)
        self.wait = Histogram(
            "app_wait_seconds", "w", ["purpose"], buckets=(0.1, 0.2, 0.4), registry=self.registry
        )

    def reading(self, at, **options):
        return read_metrics(generate_latest(self.registry).decode(), at, **options)


def test_counters_are_summed_over_labels_that_were_not_named():
    server = Server()
    server.decodes.labels("final").inc(2)
    before = server.reading(1.0)
    server.decodes.labels("final").inc(3)
    server.decodes.labels("interim").inc(5)
    span = Span(before, server.reading(3.0))

    assert span.duration_s == 2.0
    assert span.growth("app_decodes_total") == 8
    assert span.growth("app_decodes_total", purpose="final") == 3
    assert span.growth_by("app_decodes_total", "purpose") == {"final": 3, "interim": 5}
    assert span.growth("no_such_total") == 0


def test_histograms_give_means_and_quantiles_of_the_span_alone():
    server = Server()
    server.wait.labels("final").observe(5.0)
    before = server.reading(0.0)
    for wait_s in (0.05, 0.15, 0.15, 0.3):
        server.wait.labels("final").observe(wait_s)
    span = Span(before, server.reading(1.0))

    assert span.mean("app_wait_seconds") == pytest.approx(0.1625)
    assert span.quantile("app_wait_seconds", 0.5) == pytest.approx(0.15)
    assert span.quantile("app_wait_seconds", 1.0) == pytest.approx(0.4)
    assert span.bound("app_wait_seconds", 0.5) == 0.2


def test_values_above_the_last_bound_count_as_that_bound():
    server = Server()
    before = server.reading(0.0)
    server.wait.labels("final").observe(9.0)

    assert Span(before, server.reading(1.0)).quantile("app_wait_seconds", 0.95) == 0.4


def test_nothing_has_no_mean_and_no_quantile():
    reading = Server().reading(0.0)
    span = Span(reading, reading)

    assert span.mean("app_wait_seconds") is None
    assert span.quantile("app_wait_seconds", 0.5) is None
    assert span.bound("app_wait_seconds", 0.5) is None


def test_names_can_be_limited():
    reading = Server().reading(0.0, keep=("process_",))

    assert reading.has("process_memory_bytes")
    assert not reading.has("app_decodes_total")
