"""`starling eval`: accuracy and delay of streaming on a manifest of recordings."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from loadtest.evaluation import Outcome, Plan, stream_all
from loadtest.manifest import ManifestError, Recording, read_manifest, select
from loadtest.offline import Job, OfflineError, OfflineFile, offline_options, transcribe_offline
from loadtest.offline_cache import OfflineCache
from loadtest.recordings import duration_s
from loadtest.report import build_report
from loadtest.report_page import eval_page
from loadtest.report_tables import accuracy_table, all_delays_table, summary_lines
from loadtest.scoring import ScoringUnavailableError, import_scorers
from loadtest.server_info import ServedModel, served_models
from loadtest.streamed import Target
from server.cli.choices import (
    ApiKeyOption,
    DeviceOption,
    LanguageOption,
    ModelOption,
    ServerChoice,
    UrlOption,
)
from server.cli.failures import CommandError, ExitCode, failures_told
from server.cli.local_server import chosen_server
from server.cli.model_folder import model_folder
from server.cli.pages import write_page
from server.cli.render import WIDTH_WITHOUT_TERMINAL, LiveLine, progress_line
from server.models.store import default_cache_dir

OFFLINE_FOLDER = "offline-transcripts"


@dataclass(frozen=True)
class EvalRequest:
    """What to evaluate and how."""

    manifest: Path
    server: ServerChoice
    language: str | None
    kinds: frozenset[str]
    limit: int | None
    is_real_time: bool
    has_offline: bool
    concurrency: int
    as_json: bool
    plots: Path | None


def evaluate(
    manifest: Annotated[
        Path, typer.Argument(help="Tab-separated: columns file, language, kind, reference.")
    ],
    *,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    language: LanguageOption = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Only these kinds, such as read,phone.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only N files, spread evenly.", show_default=False),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Send at speaking pace and measure delays.")
    ] = False,
    offline: Annotated[
        bool, typer.Option(help="Compare with plain faster-whisper on whole files.")
    ] = True,
    concurrency: Annotated[int, typer.Option(min=1, help="Sessions at a time.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
    plots: Annotated[
        Path | None, typer.Option(help="Write eval.html with plots here.", show_default=False)
    ] = None,
) -> None:
    """Measure word error rate, made-up words and delay on recordings with known text."""
    request = EvalRequest(
        manifest,
        ServerChoice(url, api_key, model, device),
        language,
        frozenset(kind.split(",")) if kind else frozenset(),
        limit,
        realtime,
        offline,
        concurrency,
        as_json,
        plots,
    )
    with failures_told():
        asyncio.run(_run(request))


async def _run(request: EvalRequest) -> None:
    recordings = _checked(request)
    line = LiveLine()
    folder = None
    async with chosen_server(request.server) as url:
        served = await _served(url, request.server)
        if request.has_offline:
            has_own_server = request.server.url is None
            folder = model_folder((has_own_server and request.server.model) or served.name)
        chosen = _chosen(recordings, request, served, line)
        target = Target(url, request.server.api_key, served.name)
        fallback = request.language or ("en" if "en" in served.languages else "auto")
        plan = Plan(target, fallback, request.is_real_time, request.concurrency)
        outcomes = await _streamed(chosen, plan, line)
    if folder is not None:
        outcomes = await _with_offline(outcomes, request, plan, folder, line)
    line.clear()
    report = build_report(outcomes)
    if request.plots is not None:
        line.note(f"Plots: {write_page(request.plots / 'eval.html', eval_page(report))}")
    _write(report, request)


def _checked(request: EvalRequest) -> list[Recording]:
    """Fail before a server is started, not after."""
    try:
        import_scorers()
        return read_manifest(request.manifest)
    except ScoringUnavailableError as error:
        raise CommandError(
            f"Evaluation needs two more packages: {error}",
            "Install them with: pip install 'starling-stt[eval]'",
            ExitCode.MISSING_EXTRA,
        ) from error
    except ManifestError as error:
        raise CommandError(
            str(error),
            "Give a tab-separated file with the columns file, language, kind and reference",
            ExitCode.NO_FILE,
        ) from error


async def _served(url: str, server: ServerChoice) -> ServedModel:
    try:
        models = await asyncio.to_thread(served_models, url, server.api_key)
    except OSError as error:
        raise CommandError(
            f"The server at {url} does not tell its models: {error}",
            "Check the address, and the key if the server asks for one",
            ExitCode.UNREACHABLE,
        ) from error
    if server.url is None or server.model is None:
        return models[0]
    for model in models:
        if model.name == server.model:
            return model
    raise CommandError(
        f"The server has no model {server.model}",
        f"Ask for one of: {', '.join(model.name for model in models)}",
        ExitCode.MODEL_UNKNOWN,
    )


def _chosen(
    recordings: Sequence[Recording], request: EvalRequest, served: ServedModel, line: LiveLine
) -> list[Recording]:
    languages = served.languages
    if request.language is not None:
        languages = languages & {request.language}
    chosen = select(recordings, languages=languages, kinds=request.kinds, limit=request.limit)
    if not chosen:
        raise CommandError(
            "No recording of the manifest fits the choice",
            f"Model {served.name} knows {', '.join(sorted(served.languages)[:10])}; "
            "check --language and --kind",
            ExitCode.USAGE,
        )
    line.note(f"{len(chosen)} of {len(recordings)} recordings, model {served.name}.")
    return chosen


async def _streamed(recordings: Sequence[Recording], plan: Plan, line: LiveLine) -> list[Outcome]:
    begun_at = asyncio.get_running_loop().time()
    outcomes: list[Outcome] = []
    try:
        total_s = sum(duration_s(recording.path) for recording in recordings)
        async for outcome in stream_all(recordings, plan):
            outcomes.append(outcome)
            elapsed_s = asyncio.get_running_loop().time() - begun_at
            done_s = sum(duration_s(done.recording.path) for done in outcomes)
            shown = Text(f"{len(outcomes)} of {len(recordings)} files ")
            line.show(shown.append_text(progress_line(done_s, total_s, elapsed_s)))
    except OSError as error:
        raise CommandError(
            f"A recording cannot be read: {error}",
            "Check that the files are where the manifest says",
            ExitCode.NO_FILE,
        ) from error
    failures = [outcome.failure for outcome in outcomes if outcome.failure is not None]
    if len(failures) == len(outcomes):
        raise failures[0]
    order = {recording.name: index for index, recording in enumerate(recordings)}
    return sorted(outcomes, key=lambda outcome: order[outcome.recording.name])


async def _with_offline(
    outcomes: Sequence[Outcome], request: EvalRequest, plan: Plan, folder: Path, line: LiveLine
) -> list[Outcome]:
    """Add what plain faster-whisper makes of each file, from the cache where it is known."""
    device = request.server.device or "auto"
    cache_folder = default_cache_dir(os.environ, Path.home()) / OFFLINE_FOLDER
    cache = OfflineCache(cache_folder, folder, offline_options() | {"device": device})
    files = {outcome.recording.name: _offline_file(outcome.recording, plan) for outcome in outcomes}
    texts = {
        name: text
        for name, file in files.items()
        if (text := cache.find(Path(file.path), file.language)) is not None
    }
    missing = [file for name, file in files.items() if name not in texts]
    try:
        async for name, text in transcribe_offline(Job(str(folder), device, missing)):
            texts[name] = text
            cache.keep(Path(files[name].path), files[name].language, text)
            line.show(Text(f"Plain faster-whisper, {len(texts)} of {len(files)} files"))
    except OfflineError as error:
        raise CommandError(
            f"Plain faster-whisper failed: {error}",
            "Leave the comparison out with --no-offline",
            ExitCode.FAILED,
        ) from error
    return [replace(outcome, offline_text=texts[outcome.recording.name]) for outcome in outcomes]


def _offline_file(recording: Recording, plan: Plan) -> OfflineFile:
    language = plan.language_of(recording)
    given = None if language == "auto" else language
    return OfflineFile(recording.name, str(recording.path), given)


def _write(report: dict[str, object], request: EvalRequest) -> None:
    if request.as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(accuracy_table(report))
    delays = all_delays_table(report)
    if delays is not None:
        console.print(delays)
    for sentence in summary_lines(report):
        console.print(sentence, highlight=False)
