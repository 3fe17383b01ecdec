"""Outcomes of an evaluation as numbers, ready for JSON."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from loadtest import measures
from loadtest.delays import curve, pooled, session_delays, summary
from loadtest.evaluation import Outcome
from loadtest.manifest import NO_LANGUAGE
from loadtest.measures import Delay
from loadtest.scoring import Tally, character_tally, tally, unit

ALL_KINDS = "all"


def build_report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Gather everything measured.

    `groups` has a row for each language and kind, and each language's total with kind `all`:
    rates are fractions, delays seconds; what a viewer notices of time (delays and revised words)
    is there only for audio sent in real time. `no_speech` counts words made up where nobody spoke.
    """
    return {
        "groups": [_group(language, kind, group) for (language, kind), group in _grouped(outcomes)],
        "no_speech": _no_speech(outcomes),
        "broken_commitments": sum(
            measures.count_broken_commitments(outcome.streamed.seen) for outcome in outcomes
        ),
        "timing": _timing(outcomes),
        "files": [_file(outcome) for outcome in outcomes],
    }


def _grouped(
    outcomes: Iterable[Outcome],
) -> list[tuple[tuple[str, str], list[Outcome]]]:
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        recording = outcome.recording
        if recording.is_scored:
            groups[recording.language, recording.kind].append(outcome)
            groups[recording.language, ALL_KINDS].append(outcome)
    # Each language's total comes last.
    return sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] == ALL_KINDS, item[0]))


def _group(language: str, kind: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    streamed = characters = offline = offline_characters = Tally()
    for outcome in outcomes:
        reference = outcome.recording.reference
        streamed += tally(reference, outcome.streamed.text, language)
        characters += character_tally(reference, outcome.streamed.text, language)
        if outcome.offline_text is not None:
            offline += tally(reference, outcome.offline_text, language)
            offline_characters += character_tally(reference, outcome.offline_text, language)
    return {
        "language": language,
        "kind": kind,
        "unit": unit(language),
        "files": streamed.num_files,
        "reference_words": streamed.reference_words,
        "errors": streamed.errors,
        "error_rate": streamed.rate,
        "character_error_rate": characters.rate,
        "offline_errors": offline.errors if offline.num_files else None,
        "offline_error_rate": offline.rate,
        "offline_character_error_rate": offline_characters.rate,
        "difference": _difference(streamed, offline),
        **_viewed(outcomes),
    }


def _difference(one: Tally, other: Tally) -> float | None:
    return None if one.rate is None or other.rate is None else one.rate - other.rate


def _viewed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sum up what a viewer notices of time; all None for audio faster than real time."""
    live = [o for o in outcomes if o.streamed.started_at is not None]
    revisions = measures.Revisions()
    for outcome in live:
        revisions += measures.count_revisions(outcome.streamed.seen)
    found = _delays(live)
    return {
        "delays": {name: summary(delays) for name, delays in found.items()} if live else None,
        "revision_rate": revisions.rate,
    }


def _delays(outcomes: Iterable[Outcome]) -> dict[str, list[Delay]]:
    return pooled(
        session_delays(o.streamed.seen, o.streamed.started_at, o.speech, o.spoken)
        for o in outcomes
        if o.streamed.started_at is not None
    )


def _no_speech(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    silent = [outcome for outcome in outcomes if outcome.recording.language == NO_LANGUAGE]
    words = [len(outcome.streamed.text.split()) for outcome in silent]
    offline = [len(o.offline_text.split()) for o in silent if o.offline_text is not None]
    minutes = sum(outcome.streamed.audio_s for outcome in silent) / 60
    return {
        "files": len(silent),
        "files_with_text": sum(1 for count in words if count),
        "words": sum(words),
        "words_per_minute": sum(words) / minutes if minutes else 0.0,
        "offline_words": sum(offline) if offline else None,
    }


def _timing(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sum up the whole run; the real-time factor is a session's time for a second of audio."""
    is_real_time = any(outcome.streamed.started_at is not None for outcome in outcomes)
    audio_s = sum(outcome.streamed.audio_s for outcome in outcomes)
    wall_s = sum(outcome.streamed.wall_s for outcome in outcomes)
    return {
        "audio_s": audio_s,
        **_viewed(outcomes),
        "curves": {name: curve(delays) for name, delays in _delays(outcomes).items()},
        "real_time_factor": wall_s / audio_s if audio_s and not is_real_time else None,
    }


def _file(outcome: Outcome) -> dict[str, Any]:
    recording = outcome.recording
    return {
        "file": recording.name,
        "language": recording.language,
        "kind": recording.kind,
        "failure": None if outcome.failure is None else str(outcome.failure),
        "text": outcome.streamed.text,
        "offline_text": outcome.offline_text,
        "audio_s": outcome.streamed.audio_s,
        "final_delays_s": _final_delays_s(outcome),
    }


def _final_delays_s(outcome: Outcome) -> list[float]:
    started_at = outcome.streamed.started_at
    if started_at is None:
        return []
    found = measures.final_delays(outcome.streamed.seen, started_at, outcome.speech)
    return [round(delay.delay_s, 3) for delay in found]
