"""OpenAI's file API over HTTP: takes the form, has it transcribed, answers whole or streamed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.dialects import openai_files as dialect
from server.files.connected import while_connected
from server.files.transcription import FileTranscription
from server.session_opening import SessionFactory
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.options import Task

CLIENT_LEFT = 499
"""Nobody reads it; nginx logs it so."""

_Handler = Callable[[Request], Awaitable[Response]]


def openai_routes(factory: SessionFactory) -> list[Route]:
    """Return the routes of OpenAI's file API."""
    endpoints = _Endpoints(factory)
    guarded = endpoints.guarded
    audio = "/v1/audio"
    return [
        Route("/v1/models", guarded(endpoints.models), methods=["GET"]),
        Route("/v1/models/{name:path}", guarded(endpoints.model), methods=["GET"]),
        Route(f"{audio}/transcriptions", guarded(endpoints.transcriptions), methods=["POST"]),
        Route(f"{audio}/translations", guarded(endpoints.translations), methods=["POST"]),
    ]


class _Endpoints:
    """The handlers, over what all requests share."""

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory

    def guarded(self, handler: _Handler) -> _Handler:
        """Return the handler behind the key check, with failures in OpenAI's shape."""

        async def answer(request: Request) -> Response:
            try:
                self._factory.authenticator.check(request.headers, [])
                return await handler(request)
            except StarlingError as error:
                return _failure(error)
            except ClientDisconnect:
                return Response(status_code=CLIENT_LEFT)

        return answer

    async def models(self, _: Request) -> Response:
        """List the loaded models."""
        offers = self._factory.offers
        data = [dialect.model_body(offer.name) for offer in offers]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        """Describe one loaded model."""
        name = request.path_params["name"]
        names = [offer.name for offer in self._factory.offers]
        if name not in names:
            raise StarlingError(
                ErrorCode.MODEL_NOT_AVAILABLE,
                f"model {name[:80]!r} is not loaded",
                f"ask for one of: {', '.join(names)}",
            )
        return JSONResponse(dialect.model_body(name))

    async def transcriptions(self, request: Request) -> Response:
        """Transcribe a file in its own language."""
        return await self._transcribe(request, Task.TRANSCRIBE)

    async def translations(self, request: Request) -> Response:
        """Transcribe a file in English."""
        return await self._transcribe(request, Task.TRANSLATE)

    async def _transcribe(self, request: Request, task: Task) -> Response:
        factory, files = self._factory, self._factory.files
        async with AsyncExitStack() as held:
            form = await held.enter_async_context(
                files.receive_form(request.headers, request.stream(), dialect.FILE_FIELD)
            )
            names = [offer.name for offer in factory.offers]
            asked = dialect.file_request(form.fields, task, names)
            if form.file is None:
                raise StarlingError(
                    ErrorCode.INVALID_MESSAGE,
                    "the form has no file",
                    f"send the audio in the field `{dialect.FILE_FIELD}`",
                )
            options = factory.plan(asked.options).options
            transcription = await held.enter_async_context(files.transcribe(form.file, options))
            if asked.is_streamed:
                return _HeldStream(_events(transcription), held.pop_all())
            finals = await while_connected(request.receive, _collect(transcription))
            transcript = dialect.Transcript(finals, transcription.audio_samples, task)
            body, media_type = dialect.answer(transcript, asked)
            return Response(body, media_type=media_type)


class _HeldStream(StreamingResponse):
    """Server-sent events that hold a transcription open until the last is out."""

    def __init__(self, events: AsyncIterator[str], held: AsyncExitStack) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._held = held

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the client goes away; then let go of the file."""
        async with self._held:
            try:
                await while_connected(receive, self.stream_response(send))
            except ClientDisconnect:
                return


async def _collect(transcription: FileTranscription) -> list[Final]:
    return [final async for final in transcription]


async def _events(transcription: FileTranscription) -> AsyncIterator[str]:
    parts: list[str] = []
    try:
        async for final in transcription:
            yield dialect.stream_delta(final, is_first=not parts)
            parts += [word.text for word in final.words]
    except StarlingError as error:
        yield dialect.stream_error(error)
        return
    yield dialect.stream_done("".join(parts).strip(), transcription.audio_samples)


def _failure(error: StarlingError) -> Response:
    status, body = dialect.error_answer(error)
    headers = {}
    if error.retry_after_s is not None:
        headers["retry-after"] = f"{error.retry_after_s:.0f}"
    return JSONResponse(body, status, headers)
