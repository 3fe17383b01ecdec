"""What Starling is meant to reach on two cores with AVX512-VNNI, and how it is measured.

`loadtest/target_runs.py` runs these commands; docs/performance.md tells what they gave where.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Report = Mapping[str, Any]
Find = Callable[[Report], float | None]

ENDPOINT_SILENCE_S = 0.95
"""The default of `endpoint_silence_ms`."""


@dataclass(frozen=True)
class Limit:
    """A number of a report that must not be above `most` or below `least`."""

    what: str
    find: Find
    most: float | None = None
    least: float | None = None

    def is_met(self, found: float | None) -> bool:
        """Say whether a number keeps to it; what was not measured does not."""
        if found is None:
            return False
        return (self.most is None or found <= self.most) and (
            self.least is None or found >= self.least
        )

    @property
    def told(self) -> str:
        """Return it as text, such as `≤ 1.5`."""
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"


@dataclass(frozen=True)
class Measurement:
    """A command that prints a report as JSON, and the limits of what it reports.

    `arguments` are those of Python: a module or file and what it takes.
    """

    name: str
    arguments: tuple[str, ...]
    limits: tuple[Limit, ...]


@dataclass(frozen=True)
class Material:
    """A manifest of recordings, and voices for what depends on the machine."""

    manifest: str
    overload_voices: int
    soak_voices: int


def measurements(material: Material) -> list[Measurement]:
    """Return all, the quick ones first."""
    return [
        *(_delays(model, more, material) for model, more in _DELAY_RECORDINGS.items()),
        *(_capacity(voices, material) for voices in _CAPACITIES),
        _share(40, material),
        _share(64, material),
        _front_end(),
        *(_accuracy(model, material) for model in ("tiny.en", "base")),
        _overload(material),
        _soak(material),
    ]


_DELAY_RECORDINGS = {
    "tiny.en": ("--kind", "read,phone", "--limit", "16"),
    "base": ("--limit", "12"),
}


@dataclass(frozen=True)
class _Voices:
    """So many at once, and in what time their finals are to come."""

    model: str
    number: int
    final_p95_s: float
    are_long: bool = False


_CAPACITIES = (
    _Voices("tiny.en", 32, 1.5),
    _Voices("tiny.en", 64, 2.0),
    _Voices("tiny.en", 32, 1.5, are_long=True),
    _Voices("tiny.en", 64, 2.0, are_long=True),
    _Voices("base", 12, 1.5),
    _Voices("base", 24, 2.0),
)


def _starling(command: str, *arguments: str) -> tuple[str, ...]:
    return ("-m", "server", command, *arguments, "--json")


_SHORT = ("--longest", "8")
"""About as long as what a caller says at a time."""


def _spoken(material: Material, *more: str) -> tuple[str, ...]:
    """Return what chooses the recordings of a load: sentences read aloud, without end."""
    return (material.manifest, "--language", "en", "--kind", "read", "--clips", "40", *more)


def _delays(model: str, more: Sequence[str], material: Material) -> Measurement:
    one_voice = ("--language", "en", "--realtime", "--concurrency", "1", "--no-offline")
    return Measurement(
        f"{model}, one voice",
        _starling("eval", material.manifest, "--model", model, *one_voice, *more),
        (
            Limit(
                "final after speech, p50, s", _timing("final", "p50_s"), ENDPOINT_SILENCE_S + 0.10
            ),
            Limit(
                "final after speech, p95, s", _timing("final", "p95_s"), ENDPOINT_SILENCE_S + 0.30
            ),
            Limit("first text after onset, p50, s", _timing("first_text", "p50_s"), 0.9),
            Limit("share of shown words revised", lambda r: r["timing"]["revision_rate"], 0.10),
            Limit("committed texts that changed", lambda r: r["broken_commitments"], 0),
        ),
    )


def _timing(quantity: str, name: str) -> Find:
    return lambda report: report["timing"]["delays"][quantity][name]


def _capacity(voices: _Voices, material: Material) -> Measurement:
    spoken = _spoken(material, *(() if voices.are_long else _SHORT))
    load = ("--model", voices.model, "--sessions", str(voices.number), "--seconds", "60")
    kind = "long" if voices.are_long else "short"
    return Measurement(
        f"{voices.model}, {voices.number} {kind} voices",
        _starling("loadtest", *spoken, *load),
        (
            Limit(
                "final after speech, p95, s",
                lambda r: r["timing"]["final"]["p95_s"],
                voices.final_p95_s,
            ),
            *_NOTHING_LOST,
        ),
    )


_NOTHING_LOST = (
    Limit("finals lost", lambda r: r["losses"]["finals_lost"], 0),
    Limit("word errors at load, rise", lambda r: r["losses"]["error_rate_rise"], 0.005),
    Limit("committed texts that changed", lambda r: r["losses"]["broken_commitments"], 0),
)


def _share(voices: int, material: Material) -> Measurement:
    load = ("--model", "tiny.en", "--sessions", str(voices), "--seconds", "60", "--ceiling")
    return Measurement(
        f"share of the bare engine, {voices} voices",
        _starling("loadtest", *_spoken(material, *_SHORT), *load),
        (
            Limit(
                "windows, share of the bare engine's", lambda r: r["ceiling"]["share"], least=0.85
            ),
            *_NOTHING_LOST,
        ),
    )


def _front_end() -> Measurement:
    return Measurement(
        "front end, 500 streams",
        ("-m", "tests.benchmarks.front_end", "--sessions", "500", "--seconds", "25"),
        (
            Limit("CPU a stream and second, ms", lambda r: r["cpu_ms_per_stream_s"]["total"], 1.4),
            Limit("loop lag, p99, ms", lambda r: r["loop_lag_ms"]["p99"], 20.0),
        ),
    )


def _accuracy(model: str, material: Material) -> Measurement:
    return Measurement(
        f"{model}, accuracy",
        _starling("eval", material.manifest, "--model", model, "--language", "en"),
        (
            Limit("all English, above offline", lambda r: max(_differences(r, is_all=True)), 0.003),
            Limit("worst kind, above offline", lambda r: max(_differences(r, is_all=False)), 0.01),
            Limit("words where nobody speaks", lambda r: r["no_speech"]["words"], 0),
            Limit("committed texts that changed", lambda r: r["broken_commitments"], 0),
        ),
    )


def _differences(report: Report, *, is_all: bool) -> Iterable[float]:
    return [g["difference"] for g in report["groups"] if (g["kind"] == "all") is is_all]


def _overload(material: Material) -> Measurement:
    load = ("--sessions", str(material.overload_voices), "--overload", "1.5", "--seconds", "300")
    return Measurement(
        "overload of 1.5 for five minutes",
        _starling("loadtest", *_spoken(material, *_SHORT), "--model", "tiny.en", *load),
        (
            *_NOTHING_LOST,
            Limit("recovered after, s", lambda r: r["recovery_s"], 30.0),
            Limit("RSS after, of that at overload", _rss_after, 1.1),
        ),
    )


def _rss_after(report: Report) -> float:
    _, overload, after = (float(phase["server"]["rss_mb"]) for phase in report["phases"])
    return after / overload


def _soak(material: Material) -> Measurement:
    load = ("--sessions", str(material.soak_voices), "--soak", "1800")
    return Measurement(
        "half an hour of soak",
        _starling("loadtest", *_spoken(material, *_SHORT), "--model", "tiny.en", *load),
        (
            *_NOTHING_LOST,
            Limit("RSS of the last tenth, of the second's", _growth, 1.1),
            Limit("final p95 of the last three tenths, of the first three's", _drift, 1.2),
        ),
    )


def _growth(report: Report) -> float:
    rss_mb = [float(part["rss_mb"]) for part in report["slices"]]
    return rss_mb[-1] / rss_mb[1]


def _drift(report: Report) -> float:
    p95_s = [float(part["final"]["p95_s"]) for part in report["slices"]]
    return max(p95_s[-3:]) / max(p95_s[:3])
