"""The one way for files in: a place, a size limit, a transcription, and an end for all of them."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import BinaryIO

from starlette.datastructures import Headers

from server.admission import RETRY_AFTER_S, going_away
from server.files.form import FileForm, receive_form
from server.files.transcription import FileTranscription
from server.files.upload import check_file_size, receive_file
from server.services import Services
from server.settings import Settings
from streaming.errors import ErrorCode, StarlingError
from streaming.options import SessionOptions


class FileService:
    """Takes files; bounded by `max_files`, beyond which clients are told when to try again."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self._num_open = 0
        self._running: set[FileTranscription] = set()
        self._is_closing = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Give a place to a file; it is free again when the context is left.

        Raises:
            StarlingError: OVERLOADED or GOING_AWAY.
        """
        self._check_place()
        self._num_open += 1
        try:
            yield
        finally:
            self._num_open -= 1

    @asynccontextmanager
    async def receive(
        self, chunks: AsyncIterable[bytes], declared_bytes: int | None = None
    ) -> AsyncIterator[BinaryIO]:
        """Give a place to a file and take it in, from a body that is the file itself.

        Raises:
            StarlingError: OVERLOADED, GOING_AWAY or FILE_TOO_LARGE.
        """
        max_bytes = self._settings.max_file_bytes
        with self.place():
            check_file_size(declared_bytes or 0, max_bytes)
            file = await receive_file(chunks, max_bytes)
            try:
                yield file
            finally:
                file.close()

    @asynccontextmanager
    async def receive_form(
        self, headers: Headers, chunks: AsyncIterable[bytes], file_field: str
    ) -> AsyncIterator[FileForm]:
        """Give a place to a file and take it in, from a multipart form.

        Raises:
            StarlingError: OVERLOADED, GOING_AWAY, FILE_TOO_LARGE or INVALID_MESSAGE.
        """
        with self.place():
            form = await receive_form(headers, chunks, self._settings.max_file_bytes, file_field)
            try:
                yield form
            finally:
                await form.close()

    @asynccontextmanager
    async def transcribe(
        self, file: BinaryIO, options: SessionOptions, *, split_channels: bool = False
    ) -> AsyncIterator[FileTranscription]:
        """Transcribe a file; leaving the context cancels what is still to do.

        Raises:
            StarlingError: UNSUPPORTED_AUDIO or FILE_TOO_LARGE.
        """
        transcription = FileTranscription(
            file,
            options,
            self._services,
            split_channels=split_channels,
            max_s=self._settings.max_file_s,
        )
        async with transcription:
            self._running.add(transcription)
            try:
                yield transcription
            finally:
                self._running.discard(transcription)

    def close(self) -> None:
        """Refuse new files and end the running ones: their clients send them again elsewhere."""
        self._is_closing = True
        for transcription in self._running:
            transcription.finish(going_away())

    def _check_place(self) -> None:
        if self._is_closing:
            raise going_away()
        if self._num_open >= self._settings.max_files:
            raise StarlingError(
                ErrorCode.OVERLOADED,
                f"all {self._settings.max_files} places for files are taken",
                "try again later, or ask the operator to raise max_files",
                retry_after_s=RETRY_AFTER_S,
            )
