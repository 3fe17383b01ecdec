"""`starling transcribe`: a file or stdin through a server, the transcript on stdout."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from grpc import ChannelCredentials, ssl_channel_credentials

from server.cli.audio_source import SAMPLE_RATE_HZ, AudioSource, open_audio
from server.cli.choices import (
    ApiKeyOption,
    DeviceOption,
    GrpcAuthorityOption,
    GrpcOption,
    LanguageOption,
    ModelOption,
    ServerChoice,
    UrlOption,
)
from server.cli.failures import CommandError, ExitCode, failures_told
from server.cli.local_server import chosen_server
from server.cli.render import Captions, LiveLine, progress_line
from starling_client import (
    Ack,
    Event,
    Final,
    RealTime,
    Session,
    SessionOptions,
    StarlingClient,
)
from starling_client.grpc_client import GrpcStarlingClient
from starling_client.subtitles import to_json, to_srt, to_txt, to_vtt


class Format(StrEnum):
    """How the transcript is written."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


class Channels(StrEnum):
    """What becomes of a stereo file."""

    MIX = "mix"
    SPLIT = "split"


_WRITERS: Mapping[Format, Callable[[Sequence[Final]], str]] = {
    Format.TXT: to_txt,
    Format.JSON: to_json,
    Format.SRT: to_srt,
    Format.VTT: to_vtt,
}


@dataclass(frozen=True)
class GrpcTarget:
    """A server that takes gRPC; without credentials it speaks plain text."""

    address: str
    credentials: ChannelCredentials | None


@dataclass(frozen=True)
class TranscribeRequest:
    """What to transcribe and how to show it."""

    file: str
    server: ServerChoice
    language: str | None = None
    task: str | None = None
    is_real_time: bool = False
    format: Format = Format.TXT
    words: bool = False
    channels: Channels = Channels.MIX
    grpc: GrpcTarget | None = None

    @property
    def has_running_server(self) -> bool:
        """Whether a server was named, so that none is started for the command."""
        return self.server.url is not None or self.grpc is not None

    def options(self, num_channels: int) -> SessionOptions:
        """Build the session's options for decoded audio with `num_channels`."""
        has_cues = self.format in (Format.SRT, Format.VTT)
        return SessionOptions(
            encoding="pcm_s16le",
            sample_rate=SAMPLE_RATE_HZ,
            channels=num_channels,
            channel_mode="split" if num_channels > 1 else None,
            language=self.language,
            task=self.task,
            interim=self.is_real_time,
            words=self.words or has_cues,  # Word times put subtitles where they belong.
            model=self.server.model if self.has_running_server else None,
        )


def transcribe(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Any audio or video file; - reads stdin.")
    ],
    *,
    url: UrlOption = None,
    grpc: GrpcOption = None,
    grpc_ca: GrpcAuthorityOption = None,
    api_key: ApiKeyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    language: LanguageOption = None,
    task: Annotated[
        str | None,
        typer.Option(help="transcribe, or translate into English.", show_default=False),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Send at speaking pace and show captions live.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = Format.TXT,
    words: Annotated[
        bool, typer.Option("--words", help="Include word times and confidence in json.")
    ] = False,
    channels: Annotated[
        Channels, typer.Option(help="Stereo: one transcript, or one for each channel.")
    ] = Channels.MIX,
) -> None:
    """Transcribe an audio file to text, JSON or subtitles."""
    server = ServerChoice(url, api_key, model, device)
    with failures_told():
        target = _target(grpc, grpc_ca)
        request = TranscribeRequest(
            file, server, language, task, realtime, format_, words, channels, target
        )
        asyncio.run(_run(request))


def _target(address: str | None, authority: Path | None) -> GrpcTarget | None:
    if address is None:
        return None
    if authority is None:
        return GrpcTarget(address, None)
    try:
        return GrpcTarget(address, ssl_channel_credentials(authority.read_bytes()))
    except OSError as error:
        raise CommandError(
            f"{authority} cannot be read: {error.strerror}",
            "Name a PEM file with --grpc-ca",
            ExitCode.NO_FILE,
        ) from None


async def _run(request: TranscribeRequest) -> None:
    is_split = request.channels is Channels.SPLIT
    line = LiveLine()
    with open_audio(request.file, split=is_split) as audio:
        if not request.has_running_server:
            line.note("Starting a local server ...")
        async with (
            _client(request) as client,
            client.stream(request.options(audio.num_channels)) as session,
        ):
            await _Transcription(request, audio, line).follow(session)


@asynccontextmanager
async def _client(request: TranscribeRequest) -> AsyncIterator[StarlingClient | GrpcStarlingClient]:
    server = request.server
    if request.grpc is not None:
        target = request.grpc
        yield GrpcStarlingClient(target.address, server.api_key, credentials=target.credentials)
        return
    async with chosen_server(server) as url:
        # A file can be far ahead of the server: then its keep-alive answers come late.
        yield StarlingClient(url, server.api_key, ping_timeout_s=None)


class _Transcription:
    """One file on its way: what came back so far, and what the user sees of it."""

    def __init__(self, request: TranscribeRequest, audio: AudioSource, line: LiveLine) -> None:
        self._request = request
        self._audio = audio
        self._line = line
        self._finals: list[Final] = []
        self._captions = Captions(line, audio.num_channels)
        self._started_at = time.monotonic()

    async def follow(self, session: Session) -> None:
        """Send the audio and write the transcript, as far as it came even if something fails."""
        chunks = self._audio.chunks()
        is_paced = self._request.is_real_time
        session.feed(RealTime(chunks, self._audio.bytes_per_s) if is_paced else chunks)
        try:
            async for event in session:
                self._see(event)
        finally:
            self._line.clear()
            if not self._is_text_shown:
                sys.stdout.write(_WRITERS[self._request.format](self._finals))
                sys.stdout.flush()

    @property
    def _is_text_shown(self) -> bool:
        """Whether finals go to stdout one by one as they come; subtitles need them all."""
        return self._request.format is Format.TXT

    def _see(self, event: Event) -> None:
        self._line.tell(event)
        if isinstance(event, Final) and not self._is_text_shown:
            self._finals.append(event)
        elif self._request.is_real_time or isinstance(event, Final):
            self._captions.see(event)
        if isinstance(event, Ack) and not self._request.is_real_time:
            elapsed_s = time.monotonic() - self._started_at
            self._line.show(progress_line(event.offset, self._audio.duration_s, elapsed_s))
