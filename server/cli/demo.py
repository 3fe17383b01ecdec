"""`starling demo`: a real recording, captioned live by a server started for it."""

import asyncio
import statistics
from importlib import resources

from server.cli.audio_source import SAMPLE_RATE_HZ, open_audio
from server.cli.choices import DeviceOption, ModelOption, ServerChoice, UrlOption
from server.cli.failures import CommandError, ExitCode, failures_told
from server.cli.local_server import chosen_server
from server.cli.render import Captions, LiveLine
from starling_client import Closed, Final, RealTime, SessionOptions, StarlingClient


def demo(url: UrlOption = None, model: ModelOption = None, device: DeviceOption = None) -> None:
    """Play a bundled recording through a server and watch the captions appear."""
    recordings = [
        entry
        for entry in resources.files("server").joinpath("demo").iterdir()
        if entry.name.endswith(".flac")
    ]
    with failures_told(), resources.as_file(min(recordings, key=str)) as path:
        asyncio.run(_run(str(path), ServerChoice(url=url, model=model, device=device)))


async def _run(path: str, server: ServerChoice) -> None:
    line = LiveLine()
    options = SessionOptions(encoding="pcm_s16le", sample_rate=SAMPLE_RATE_HZ, language="en")
    with open_audio(path, split=False) as audio:
        if server.url is None:
            line.note("Starting a local server ...")
        async with (
            chosen_server(server) as url,
            StarlingClient(url).stream(options) as session,
        ):
            model = session.ready.options.model
            line.note(f"A recording of {audio.duration_s or 0:.0f} s in real time, model {model}.")
            live = RealTime(audio.chunks(), audio.bytes_per_s)
            session.feed(live)
            captions = Captions(line)
            latencies_s: list[float] = []
            async for event in session:
                captions.see(event)
                if isinstance(event, Final) and live.started_at is not None:
                    now = asyncio.get_running_loop().time()
                    latencies_s.append(now - live.started_at - event.end)
                if isinstance(event, Closed):
                    line.clear()
                    line.note(_summary(event, latencies_s))


def _summary(closed: Closed, latencies_s: list[float]) -> str:
    if not latencies_s:
        raise CommandError(
            "The server heard no speech in the demo recording",
            "Try another model with --model, and `starling serve` to see the server's log",
            ExitCode.FAILED,
        )
    return (
        f"{closed.summary.finals} captions for {closed.summary.audio_s:.1f} s of audio, "
        f"{closed.summary.speech_s:.1f} s of it speech. Final text came "
        f"{statistics.median(latencies_s):.2f} s after the words (median; "
        f"slowest {max(latencies_s):.2f} s)."
    )
