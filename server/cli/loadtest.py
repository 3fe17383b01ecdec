"""`starling loadtest`: many live sessions at once against a server."""

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from loadtest.alone import transcribe_alone
from loadtest.experiments import Stage, find_knee, overload, soak, steady_load
from loadtest.knee import Limits
from loadtest.load_report import Material
from loadtest.load_run import LoadRunError
from loadtest.manifest import ManifestError
from loadtest.material import load_clips
from loadtest.metric_readings import Reading
from loadtest.report_page import load_page
from loadtest.scoring import ScoringUnavailableError, import_scorers
from loadtest.server_info import served_models
from loadtest.speech_map import map_speech
from loadtest.streamed import Target
from loadtest.voices import Clip, Mix, parse_mix
from server.cli.ceiling import Weights, ceiling_of
from server.cli.choices import (
    ApiKeyOption,
    DeviceOption,
    GrpcOption,
    LanguageOption,
    ModelOption,
    ServerChoice,
    UrlOption,
)
from server.cli.failures import CommandError, ExitCode, failures_told
from server.cli.load_print import print_load
from server.cli.local_server import chosen_server
from server.cli.pages import write_page
from server.cli.render import LiveLine, progress_bar

DEMO_RECORDING = Path(__file__).parents[1] / "demo" / "sense-and-sensibility.flac"
NUM_SESSIONS_ALLOWED = 4096
"""A server started here refuses nobody by number: how many it carries is the question."""


@dataclass(frozen=True)
class LoadRequest:
    """What to run and how to tell it; at most one of the last three is set."""

    files: tuple[Path, ...]
    server: ServerChoice
    language: str | None
    kinds: frozenset[str]
    num_clips: int
    longest_s: float
    mix: Mix
    seed: int
    num_sessions: int
    seconds: float
    limits: Limits
    as_json: bool
    plots: Path | None
    is_knee: bool
    soak_s: float | None
    overload_factor: float | None
    has_ceiling: bool
    grpc: str | None


def loadtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Recordings of speech, or a manifest (.tsv) whose texts tell the error rate; "
            "without any, the bundled recording.",
            metavar="[FILES]...",
        ),
    ] = None,
    *,
    sessions: Annotated[int, typer.Option(min=1, help="Voices at the same time.")] = 4,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long each load is held; for --overload, the peak.")
    ] = 60.0,
    mix: Annotated[
        str,
        typer.Option(help="continuous, conversation, idle, or weights: continuous=2,idle=1."),
    ] = "continuous",
    find_knee: Annotated[
        bool,
        typer.Option("--find-knee", help="Search the most voices the server carries."),
    ] = False,
    final_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds within which 95 % of finals must come.")
    ] = 1.5,
    soak: Annotated[
        float | None,
        typer.Option(
            min=10,
            help="Hold the load for SECONDS; look for drift.",
            metavar="SECONDS",
            show_default=False,
        ),
    ] = None,
    overload: Annotated[
        float | None,
        typer.Option(
            min=1.05,
            help="Raise the load to FACTOR times --sessions, then lower it again.",
            metavar="FACTOR",
            show_default=False,
        ),
    ] = None,
    ceiling: Annotated[
        bool,
        typer.Option(
            "--ceiling", help="Then measure the bare engine on the same windows (local models)."
        ),
    ] = False,
    url: UrlOption = None,
    grpc: GrpcOption = None,
    api_key: ApiKeyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    language: LanguageOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only these kinds of a manifest, such as read,phone.", show_default=False
        ),
    ] = None,
    clips: Annotated[int, typer.Option(min=1, help="At most so many recordings.")] = 24,
    longest: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            help="None longer than this.",
            metavar="SECONDS",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes orders and moments.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
    plots: Annotated[
        Path | None, typer.Option(help="Write load.html with plots here.", show_default=False)
    ] = None,
) -> None:
    """Measure delays, losses and the server's use under many real-time sessions."""
    with failures_told():
        request = LoadRequest(
            tuple(files or [DEMO_RECORDING]),
            ServerChoice(url, api_key, model, device),
            language,
            frozenset(kind.split(",")) if kind else frozenset(),
            clips,
            math.inf if longest is None else longest,
            _checked_mix(mix),
            seed,
            sessions,
            seconds,
            Limits(final_p95_s=final_limit),
            as_json,
            plots,
            find_knee,
            soak,
            overload,
            ceiling,
            grpc,
        )
        _check_kind(request)
        asyncio.run(_run(request))


async def _run(request: LoadRequest) -> None:
    loaded = _loaded(request)
    line = LiveLine()
    server = request.server
    settings = {"STARLING_MAX_SESSIONS": str(NUM_SESSIONS_ALLOWED)}
    async with chosen_server(server, settings) as url:
        target = Target(url, server.api_key, server.model if server.url else None, request.grpc)
        alone = await transcribe_alone(
            loaded,
            target,
            request.language,
            lambda done: line.show(Text(f"Each recording alone: {done} of {len(loaded)}")),
        )
        material = Material(loaded, [map_speech(clip.pcm) for clip in loaded], alone)
        stage = Stage(target, material, request.mix, request.language, request.seed, _teller(line))
        try:
            report = await _experiment(request, stage, line)
            if request.has_ceiling:
                served = (await asyncio.to_thread(served_models, url, server.api_key))[0].name
                weights = Weights(server.model or served, server.device, request.language)
                report["ceiling"] = await ceiling_of(report, stage, weights, line)
        except LoadRunError as error:
            raise CommandError(
                f"The load could not be made: {error}",
                "Run it again with fewer sessions",
                ExitCode.FAILED,
            ) from error
    line.clear()
    if request.plots is not None:
        line.note(f"Plots: {write_page(request.plots / 'load.html', load_page(report))}")
    if request.as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    print_load(report)


async def _experiment(request: LoadRequest, stage: Stage, line: LiveLine) -> dict[str, Any]:
    number, seconds = request.num_sessions, request.seconds
    if request.is_knee:
        return await find_knee(stage, number, seconds, request.limits, line.note)
    if request.soak_s is not None:
        return await soak(stage, number, request.soak_s)
    if request.overload_factor is not None:
        return await overload(stage, number, request.overload_factor, seconds, request.limits)
    return await steady_load(stage, number, seconds)


def _teller(line: LiveLine) -> Callable[[str, float, float, Reading | None], None]:
    """Show progress on the live line; where nobody sees it, say once what runs."""
    said: set[str] = set()

    def tell(label: str, run_s: float, ends_s: float, newest: Reading | None) -> None:
        if label not in said and not line.is_live:
            line.note(f"{label}: {ends_s:.0f} s ...")
        said.add(label)
        shown = Text(f"{label}: ").append_text(progress_bar(run_s / ends_s))
        shown.append(f" {max(0.0, run_s):.0f} of {ends_s:.0f} s")
        if newest is not None:
            shown.append(
                f", {newest.total('starling_sessions_open'):.0f} open, "
                f"{newest.total('starling_queue_length'):.0f} waiting, "
                f"{newest.total('process_resident_memory_bytes') / 2**20:.0f} MB",
                style="dim",
            )
        line.show(shown)

    return tell


def _checked_mix(text: str) -> Mix:
    try:
        return parse_mix(text)
    except ValueError as error:
        raise CommandError(
            f"--mix cannot be used: {error}",
            "Write it like continuous, or continuous=2,conversation=1,idle=1",
            ExitCode.USAGE,
        ) from error


def _check_kind(request: LoadRequest) -> None:
    wanted = [request.is_knee, request.soak_s is not None, request.overload_factor is not None]
    if sum(wanted) > 1:
        raise CommandError(
            "--find-knee, --soak and --overload are different experiments",
            "Run them one after the other",
            ExitCode.USAGE,
        )
    if request.grpc is not None and request.server.url is None:
        raise CommandError(
            "--grpc says where sessions go, and --url is missing, where metrics are",
            "Name the same server with --url ws://HOST:PORT as well",
            ExitCode.USAGE,
        )
    try:
        import_scorers()
    except ScoringUnavailableError as error:
        raise CommandError(
            f"Counting word errors needs two more packages: {error}",
            "Install them with: pip install 'starling-stt[eval]'",
            ExitCode.MISSING_EXTRA,
        ) from error


def _loaded(request: LoadRequest) -> list[Clip]:
    try:
        clips = load_clips(
            request.files,
            language=request.language,
            kinds=request.kinds,
            limit=request.num_clips,
            longest_s=request.longest_s,
        )
    except ManifestError as error:
        raise CommandError(
            str(error),
            "Give recordings, or a manifest with the columns file, language, kind and reference",
            ExitCode.NO_FILE,
        ) from error
    except (OSError, ValueError) as error:
        is_there = all(path.exists() for path in request.files)
        raise CommandError(
            f"A recording cannot be read as audio: {error}",
            "Name existing recordings of speech",
            ExitCode.NOT_AUDIO if is_there else ExitCode.NO_FILE,
        ) from error
    if not clips:
        raise CommandError(
            "No recording fits the choice",
            "Check --language, --kind and --longest",
            ExitCode.USAGE,
        )
    return clips
