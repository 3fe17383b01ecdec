"""One file on its way through the speech scorer and the engine.

`FileTranscription` is the shell around `streaming/file_session.py`: it reads the audio on worker
threads, performs the session's effects and hands out finals as they come.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import structlog

from server.engine.tickets import Ticket
from server.files.audio_file import AudioFile, ContainerFile, RawFile
from server.services import Services
from server.vad.state import VadState
from streaming.effects import Decode, ScoreSpeech
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.file_session import FileEffect, FilePlan, FileSession
from streaming.options import TARGET_RATE_HZ, Encoding, SessionOptions
from streaming.speech_gate import SpeechPolicy
from streaming.transcript import Hypothesis

log = structlog.get_logger()

_AnswerT = TypeVar("_AnswerT")

MAX_WAITING_FINALS = 256
"""Finals that a client has not read at which no more of its file is read."""

MAX_IN_FLIGHT = 32
"""Segments of a channel that wait for the engine at once, at 1.8 MB each."""


class FileTranscription:
    """Transcribes one file: `async with` it, then iterate over its finals.

    Leaving the context cancels whatever is still to do, as when the client goes away.

    Args:
        file: The whole file, seekable; it is read from its present place on, and not closed.
        options: What the client asked for; its audio format says whether the file is a container.
        services: The shared engine and speech scorer.
        split_channels: Whether each channel of a container gets a transcript of its own.
        max_s: Longest audio taken.
    """

    def __init__(
        self,
        file: BinaryIO,
        options: SessionOptions,
        services: Services,
        *,
        split_channels: bool,
        max_s: float,
    ) -> None:
        self._file = file
        self._options = options
        self._services = services
        self._split_channels = split_channels
        self._max_s = max_s
        self._tickets: dict[int, Ticket] = {}
        self._finals: deque[Final] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._error: Exception | None = None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            StarlingError: UNSUPPORTED_AUDIO or FILE_TOO_LARGE.
        """
        self._audio = await _finish_call(self._open)
        self.num_channels = self._audio.num_channels
        dispatcher = self._services.dispatcher
        plan = FilePlan(
            options=self._options,
            speech=SpeechPolicy(),
            num_channels=self.num_channels,
            max_in_flight=min(
                MAX_IN_FLIGHT, 2 * dispatcher.num_workers * dispatcher.max_file_batch
            ),
            max_samples=int(self._max_s * TARGET_RATE_HZ),
        )
        self._session = FileSession(plan)
        self._vad_states = [VadState() for _ in range(self.num_channels)]
        self._reader = asyncio.create_task(self._read(), name="file")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel what is still to do and let go of the file."""
        self._error = self._error or StarlingError(
            ErrorCode.GOING_AWAY, "the file was left", "send it again"
        )
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        for ticket in self._tickets.values():
            self._services.dispatcher.cancel(ticket)
        self._tickets.clear()
        await asyncio.to_thread(self._audio.close)

    @property
    def audio_samples(self) -> int:
        """How much audio was read, per channel; all of it once the last final is out."""
        return self._session.received_samples

    def finish(self, error: StarlingError) -> None:
        """End early, as when the server stops; raised to whoever reads the finals."""
        self._fail(error)

    async def __aiter__(self) -> AsyncIterator[Final]:
        """Yield finals as they come, in order within a channel.

        Raises:
            StarlingError: The rest of the file cannot be transcribed.
        """
        while True:
            while self._finals:
                yield self._finals.popleft()
                self._update_room()
            if self._error is not None:
                raise self._error
            if self._session.is_done:
                return
            self._changed.clear()
            await self._changed.wait()

    def _open(self) -> AudioFile:
        audio = self._options.audio
        if audio.encoding is not Encoding.CONTAINER:
            return RawFile(self._file, audio)
        opened = ContainerFile(self._file, split_channels=self._split_channels)
        if opened.duration_s is not None and opened.duration_s > self._max_s:
            opened.close()
            raise StarlingError(
                ErrorCode.FILE_TOO_LARGE,
                f"the file is {opened.duration_s:.0f} s long, max_file_s={self._max_s:g}",
                "send it in parts, or ask the operator to raise max_file_s",
            )
        return opened

    async def _read(self) -> None:
        try:
            while (audio := await _finish_call(self._audio.read)) is not None:
                self._services.metrics.audio_seconds.inc(audio.shape[1] / TARGET_RATE_HZ)
                self._perform(self._session.on_audio(audio))
                await self._room.wait()
            self._perform(self._session.on_end())
        except Exception as error:  # noqa: BLE001 # told to whoever reads the finals
            self._fail(error)

    def _perform(self, effects: list[FileEffect]) -> None:
        for effect in effects:
            match effect:
                case ScoreSpeech():
                    self._score(effect)
                case Decode():
                    self._decode(effect)
                case Final():
                    self._services.metrics.finals.inc()
                    self._finals.append(effect)
        self._update_room()
        self._changed.set()

    def _update_room(self) -> None:
        if self._session.is_congested or len(self._finals) >= MAX_WAITING_FINALS:
            self._room.clear()
        else:
            self._room.set()

    def _score(self, effect: ScoreSpeech) -> None:
        def on_scores(scores: list[float] | Exception) -> None:
            self._take(scores, lambda found: self._session.on_scores(effect.channel, found))

        self._services.scorer.submit(self._vad_states[effect.channel], effect.audio, on_scores)

    def _decode(self, effect: Decode) -> None:
        request_id = effect.request.id

        def on_answer(answer: Hypothesis | Exception) -> None:
            self._tickets.pop(request_id, None)
            self._take(answer, lambda heard: self._session.on_decoded(request_id, heard))

        self._tickets[request_id] = self._services.dispatcher.submit(
            effect.request, on_answer, owner=self
        )

    def _take(
        self, answer: _AnswerT | Exception, on_answer: Callable[[_AnswerT], list[FileEffect]]
    ) -> None:
        """Take an answer of a shared batch; a failure here must not reach the other requests."""
        if self._error is not None:
            return
        if isinstance(answer, Exception):
            self._fail(answer)
            return
        try:
            self._perform(on_answer(answer))
        except Exception as error:  # noqa: BLE001 # told to whoever reads the finals
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, StarlingError):
            log.error("file failed", error=type(error).__name__, detail=str(error))
            error = StarlingError(
                ErrorCode.INTERNAL, "the file could not be transcribed", "send it again"
            )
        self._error = self._error or error
        self._changed.set()


async def _finish_call(function: Callable[[], _AnswerT]) -> _AnswerT:
    """Run a blocking call on a thread; when cancelled, wait for it before giving way."""
    running = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
