"""`starling mic`: what the microphone hears, as captions in the terminal."""

import array
import asyncio
import importlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

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
from server.cli.render import Captions, LiveLine, level_meter
from starling_client import SessionOptions, StarlingClient

_SAMPLE_RATE_HZ = 16_000
_BLOCK_SAMPLES = 1_600
_MAX_QUEUED_BLOCKS = 600  # One minute of audio the server has not taken.
_LOUDEST_SAMPLE = 32_768


def mic(
    *,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    language: LanguageOption = None,
    input_device: Annotated[
        str | None,
        typer.Option("--input", help="Microphone, by name or number.", show_default=False),
    ] = None,
) -> None:
    """Caption the microphone live; Ctrl-C ends it."""
    with failures_told():
        asyncio.run(_run(ServerChoice(url, api_key, model, device), language, input_device))


async def _run(server: ServerChoice, language: str | None, input_device: str | None) -> None:
    microphone = Microphone(input_device)
    line = LiveLine()
    captions = Captions(line)
    options = SessionOptions(
        encoding="pcm_s16le",
        sample_rate=_SAMPLE_RATE_HZ,
        language=language,
        model=server.model if server.url else None,
    )
    with microphone.opened():
        if server.url is None:
            line.note("Starting a local server ...")
        async with (
            chosen_server(server) as url,
            StarlingClient(url, server.api_key).stream(options) as session,
        ):
            line.note("Listening. Speak; Ctrl-C ends.")
            with _ctrl_c_calls(microphone.stop):
                session.feed(microphone.blocks(lambda peak: captions.set_prefix(level_meter(peak))))
                async for event in session:
                    line.tell(event)
                    captions.see(event)
            line.clear()


class Microphone:
    """The computer's audio input as 16-bit blocks of 0.1 s."""

    def __init__(self, device: str | None) -> None:
        self._device = int(device) if device is not None and device.isdecimal() else device
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MAX_QUEUED_BLOCKS)
        self._stream: Any = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the microphone for the block.

        Raises `CommandError` when the `mic` extra, PortAudio or a microphone is missing.
        """
        sounddevice = _imported_sounddevice()
        loop = asyncio.get_running_loop()

        def heard(block: Any, _num_frames: int, _time: Any, _status: Any) -> None:
            loop.call_soon_threadsafe(self._put, bytes(block))

        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=_SAMPLE_RATE_HZ,
                blocksize=_BLOCK_SAMPLES,
                device=self._device,
                channels=1,
                dtype="int16",
                callback=heard,
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            raise CommandError(
                f"No microphone can be opened: {error}",
                "Plug one in or allow access to it, or choose another with --input; "
                "`python -m sounddevice` lists them",
                ExitCode.FAILED,
            ) from error
        with self._stream:
            yield

    async def blocks(self, show_level: Callable[[float], None]) -> AsyncIterator[bytes]:
        """Yield what is heard from now on until `stop`, telling the peak (0 to 1) of each block."""
        while not self._queue.empty():
            self._queue.get_nowait()  # Heard while the server was starting: nobody was told yet.
        while (block := await self._queue.get()) is not None:
            samples = array.array("h", block)
            show_level(max(map(abs, samples), default=0) / _LOUDEST_SAMPLE)
            yield block

    def stop(self) -> None:
        """End `blocks` after what has been heard so far."""
        self._put(None)

    def _put(self, block: bytes | None) -> None:
        """Queue a block; when the server is a minute behind, the oldest block goes."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(block)


def _imported_sounddevice() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        raise CommandError(
            "The microphone needs the package sounddevice",
            "Install it with: pip install 'starling-stt[mic]'",
            ExitCode.MISSING_EXTRA,
        ) from error
    except OSError as error:  # The Python package is there, the C library it wraps is not.
        raise CommandError(
            "The microphone needs the PortAudio library",
            "Install it, on Debian and Ubuntu with: sudo apt install libportaudio2",
            ExitCode.MISSING_EXTRA,
        ) from error


@contextmanager
def _ctrl_c_calls(stop: Callable[[], None]) -> Iterator[None]:
    """Make Ctrl-C end the listening, so that the last words still arrive."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, stop)
    except NotImplementedError:  # Windows: Ctrl-C then ends the command at once.
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
