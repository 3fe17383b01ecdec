"""Readings of a server's `/metrics`, and what happened between two of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reading:
    """All samples at the instant `at` (monotonic seconds), by name and sorted labels."""

    at: float
    samples: Mapping[str, Mapping[Labels, float]]

    def total(self, name: str, **labels: str) -> float:
        """Sum a name's samples that have these labels; 0 when there are none."""
        wanted = labels.items()
        found = self.samples.get(name, {})
        return sum(value for key, value in found.items() if wanted <= dict(key).items())

    def has(self, name: str) -> bool:
        """Tell whether the server has this metric at all."""
        return name in self.samples


@dataclass(frozen=True)
class Span:
    """What happened from one reading to a later one."""

    before: Reading
    after: Reading

    @property
    def duration_s(self) -> float:
        """The time between."""
        return self.after.at - self.before.at

    def growth(self, name: str, **labels: str) -> float:
        """How much a counter grew."""
        return self.after.total(name, **labels) - self.before.total(name, **labels)

    def growth_by(self, name: str, label: str) -> dict[str, float]:
        """How much a counter grew for each value of a label."""
        values = {dict(key).get(label) for key in self.after.samples.get(name, {})}
        return {
            value: self.growth(name, **{label: value}) for value in sorted(filter(None, values))
        }

    def mean(self, name: str, **labels: str) -> float | None:
        """Average what a histogram counted; None when that is nothing."""
        count = self.growth(f"{name}_count", **labels)
        return self.growth(f"{name}_sum", **labels) / count if count > 0 else None

    def buckets(self, name: str, **labels: str) -> list[tuple[float, float]]:
        """Count what a histogram saw up to each bound, bounds ascending."""
        bounds = {dict(key)["le"] for key in self.after.samples.get(f"{name}_bucket", {})}
        return [
            (float(bound), self.growth(f"{name}_bucket", **labels, le=bound))
            for bound in sorted(bounds, key=float)
        ]

    def bound(self, name: str, share: float, **labels: str) -> float | None:
        """Find the bound under which a share of a histogram's values lie; None without values."""
        buckets = self.buckets(name, **labels)
        if not buckets or buckets[-1][1] <= 0:
            return None
        return next(bound for bound, count in buckets if count >= share * buckets[-1][1])

    def quantile(self, name: str, share: float, **labels: str) -> float | None:
        """Estimate a quantile of a histogram, evenly inside a bucket; None without values.

        What lies above the last finite bound counts as that bound.
        """
        buckets = self.buckets(name, **labels)
        if not buckets or buckets[-1][1] <= 0:
            return None
        rank = share * buckets[-1][1]
        low, below = 0.0, 0.0
        for bound, count in buckets:
            if count >= rank:
                if bound == float("inf"):
                    return low
                inside = (rank - below) / (count - below) if count > below else 1.0
                return low + (bound - low) * inside
            low, below = bound, count
        return low


def read_metrics(text: str, at: float, *, keep: Iterable[str] = ()) -> Reading:
    """Parse Prometheus' text format; `keep` limits it to names that begin with one of these."""
    prefixes = tuple(keep)
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not prefixes or sample.name.startswith(prefixes):
                key = tuple(sorted(sample.labels.items()))
                samples.setdefault(sample.name, {})[key] = sample.value
    return Reading(at, samples)
