"""`starling loadtest`: many live sessions at once against a server."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from loadtest.load_report import load_lines, load_report
from loadtest.recordings import load_pcm
from loadtest.server_info import metric_totals
from loadtest.sessions import Clip, LoadPlan, run_sessions, texts_alone
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
from server.cli.render import LiveLine


@dataclass(frozen=True)
class LoadRequest:
    """What to run and how to tell it."""

    files: tuple[Path, ...]
    server: ServerChoice
    language: str | None
    num_sessions: int
    duration_s: float
    as_json: bool


def loadtest(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings of speech to play.", metavar="FILES...")
    ],
    *,
    sessions: Annotated[int, typer.Option(min=1, help="Voices at the same time.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, help="Audio of each session.")] = 60.0,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    language: LanguageOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
) -> None:
    """Measure delays and losses under many real-time sessions."""
    server = ServerChoice(url, api_key, model, device)
    request = LoadRequest(tuple(files), server, language, sessions, seconds, as_json)
    with failures_told():
        asyncio.run(_run(request))


async def _run(request: LoadRequest) -> None:
    clips = [_clip(path) for path in request.files]
    line = LiveLine()
    server = request.server
    async with chosen_server(server) as url:
        target = Target(url, server.api_key, server.model if server.url else None)
        plan = LoadPlan(target, request.num_sessions, request.duration_s, request.language)
        line.note(f"Each of {len(clips)} recordings alone ...")
        alone = await texts_alone(clips, plan)
        line.note(f"{plan.num_sessions} sessions of {plan.duration_s:.0f} s ...")
        before = await _totals(url, server.api_key)
        results = await run_sessions(clips, plan)
        after = await _totals(url, server.api_key)
    report = load_report(results, alone, before, after)
    if request.as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    for sentence in load_lines(report):
        typer.echo(sentence)


async def _totals(url: str, api_key: str | None) -> dict[str, float]:
    """Read the server's metrics; a server that hides them is measured without."""
    try:
        return await asyncio.to_thread(metric_totals, url, api_key)
    except OSError:
        return {}


def _clip(path: Path) -> Clip:
    try:
        return Clip(str(path), load_pcm(path))
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{path} cannot be read as audio: {error}",
            "Name existing recordings of speech",
            ExitCode.NO_FILE if not path.exists() else ExitCode.NOT_AUDIO,
        ) from error
