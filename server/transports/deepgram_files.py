"""Deepgram's files over HTTP: takes the body, has it transcribed, answers whole."""

import hashlib
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.dialects import deepgram_files as dialect
from server.dialects.deepgram_messages import AudioSummary, Call, http_error
from server.files.connected import while_connected
from server.files.transcription import FileTranscription
from server.session_opening import SessionFactory
from server.transports.openai_files import CLIENT_LEFT
from streaming.errors import StarlingError
from streaming.events import Final


def deepgram_file_route(factory: SessionFactory, new_call: Callable[[], Call]) -> Route:
    """Return the route of Deepgram's file API."""

    async def answer(request: Request) -> Response:
        call = new_call()
        try:
            factory.authenticator.check(request.headers, [])
            body = await _transcribe(factory, request, call)
        except StarlingError as error:
            status, body, headers = http_error(error, call.request_id)
            return JSONResponse(body, status, headers)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        return JSONResponse(body, headers={"dg-request-id": call.request_id})

    return Route("/v1/listen", answer, methods=["POST"])


async def _transcribe(factory: SessionFactory, request: Request, call: Call) -> dict[str, object]:
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    asked = dialect.file_request(query, request.headers.get("content-type", ""), call)
    options = factory.plan(asked.options).options
    sha256 = hashlib.sha256()
    length = request.headers.get("content-length", "")
    declared_bytes = int(length) if length.isdecimal() else None
    async with factory.files.receive(_hashed(request, sha256.update), declared_bytes) as file:
        split = asked.splits_channels
        async with factory.files.transcribe(file, options, split_channels=split) as heard:
            finals = await while_connected(request.receive, _collect(heard))
            audio = AudioSummary(heard.audio_samples, heard.num_channels, sha256.hexdigest())
    return dialect.answer(call, options.model, asked, finals, audio)


async def _hashed(request: Request, update: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        update(chunk)
        yield chunk


async def _collect(transcription: FileTranscription) -> list[Final]:
    return [final async for final in transcription]
