"""What a load run found, as numbers.

Delays are in seconds. `losses` looks at the whole run, `timing` at a part of it: the steady state,
or one phase of an overload. What has words alone must have some at load; which they are is compared
with the same sessions without load (`loadtest/replay.py`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest import measures
from loadtest.alone import Alone
from loadtest.delays import pooled, session_delays, summary
from loadtest.load_run import LoadRun
from loadtest.measures import Delay
from loadtest.replay import SaidTwice
from loadtest.scoring import Tally, tally
from loadtest.server_use import server_use
from loadtest.speech_map import SpeechMap, joined
from loadtest.voice_process import SessionResult
from loadtest.voices import Clip, clip_spans_s
from loadtest.word_delays import TimedWord


@dataclass(frozen=True)
class Material:
    """The clips of a run, where they are speech, and what they give alone."""

    clips: Sequence[Clip]
    maps: Sequence[SpeechMap]
    alone: Sequence[Alone]


@dataclass(frozen=True)
class Window:
    """A part of a run, in seconds from its beginning."""

    from_s: float
    to_s: float


def losses(run: LoadRun, material: Material, said_twice: Sequence[SaidTwice]) -> dict[str, Any]:
    """Count what went missing, and what came out otherwise than without load."""
    texts = [text for result in run.results for text in _texts_to_expect(result, material)]
    lost_clips = sum(1 for text in texts if not measures.words_of(text))
    unanswered = sum(measures.num_unanswered(result.seen) for result in run.results)
    failures = Counter(r.failure for r in run.results if r.failure and not r.is_refused)
    words = [
        (measures.words_of(said.without), measures.words_of(said.at_load)) for said in said_twice
    ]
    at_load, without_load = _error_rates(said_twice, material.clips)
    return {
        "sessions": len(run.results),
        "failures": dict(failures),
        "refused": sum(1 for result in run.results if result.is_refused),
        "clips": len(texts),
        "finals_lost": lost_clips + unanswered,
        "clips_compared": len(words),
        "words_changed": sum(len(was) - len(measures.kept_words(was, got)) for was, got in words),
        "same_text_share": _share(sum(1 for was, got in words if was == got), len(words)),
        "error_rate": at_load.rate,
        "error_rate_without": without_load.rate,
        "error_rate_rise": _difference(at_load, without_load),
        "broken_commitments": sum(measures.count_broken_commitments(r.seen) for r in run.results),
        "out_of_order": sum(1 for r in run.results if measures.is_out_of_order(r.seen)),
        "client_cpu_s": run.client_cpu_s,
        "client_lateness_p99_s": run.client_lateness_p99_s,
    }


def timing(run: LoadRun, material: Material, window: Window) -> dict[str, Any]:
    """Sum up delays and what the server used between two instants of a run."""
    found = delays(run, material)
    revisions = measures.Revisions()
    for result in run.results:
        revisions += measures.count_revisions(
            [e for e in result.seen if _is_in(e.at - run.begins_at, window)]
        )
    summaries = {name: summary(_in_window(all_of, run, window)) for name, all_of in found.items()}
    return {
        "from_s": window.from_s,
        "to_s": window.to_s,
        **summaries,
        "revision_rate": revisions.rate,
        "interims_per_s": summaries["interim_age"]["count"] / (window.to_s - window.from_s),
        "server": server_use(run.reading_at(window.from_s), run.reading_at(window.to_s)),
    }


def delays(run: LoadRun, material: Material) -> dict[str, list[Delay]]:
    """Collect every delay of a run by what it is of."""
    return pooled(
        session_delays(
            result.seen,
            result.started_at,
            joined(
                ((p.start_s, material.maps[p.clip]) for p in result.placements), result.duration_s
            ),
            _spoken(result, material),
        )
        for result in run.results
        if result.started_at is not None
    )


def _in_window(found: Iterable[Delay], run: LoadRun, window: Window) -> list[Delay]:
    return [delay for delay in found if _is_in(delay.since - run.begins_at, window)]


def _is_in(run_s: float, window: Window) -> bool:
    return window.from_s <= run_s < window.to_s


def _spoken(result: SessionResult, material: Material) -> list[TimedWord]:
    return [
        TimedWord(word.word, placement.start_s + word.end_s)
        for placement in result.placements
        for word in material.alone[placement.clip].words
    ]


def _texts_to_expect(result: SessionResult, material: Material) -> list[str]:
    """Return what came for each clip that has words alone.

    A session that was refused had no audio, so it has no clips to lose.
    """
    if result.is_refused:
        return []
    texts = measures.texts_of(result.seen, clip_spans_s(result.placements))
    return [
        text
        for placement, text in zip(result.placements, texts, strict=True)
        if measures.words_of(material.alone[placement.clip].text)
    ]


def _error_rates(said_twice: Sequence[SaidTwice], clips: Sequence[Clip]) -> tuple[Tally, Tally]:
    """Tally errors at load and without; where no reference is known, the text without is one."""
    at_load = without_load = Tally()
    for said in said_twice:
        clip = clips[said.placement.clip]
        reference = said.without if clip.reference is None else clip.reference
        at_load += tally(reference, said.at_load, clip.language)
        without_load += tally(reference, said.without, clip.language)
    return at_load, without_load


def _difference(one: Tally, other: Tally) -> float | None:
    return None if one.rate is None or other.rate is None else one.rate - other.rate


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
