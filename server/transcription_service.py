"""The calls of `proto/starling/v1`: sessions and files run as those of HTTP do."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc.aio import ServicerContext
from starling.v1 import transcription_pb2 as proto

from server.dialects.native import effective, to_wire
from server.dialects.native_call import NativeCallDialect, not_understood, start_options
from server.dialects.native_proto import fill
from server.grpc_status import error_status
from server.session_opening import SessionFactory, count_refusal
from server.transports.grpc import check_key, serve_call
from server.transports.grpc_watch import serve_watch
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final
from streaming.options import TARGET_RATE_HZ, SessionOptions
from streaming.transcript import join_words

log = structlog.get_logger()

TRANSCRIPTION = proto.DESCRIPTOR.services_by_name["Transcription"].full_name

AnswerT = TypeVar("AnswerT")


class TranscriptionService:
    """Answers calls."""

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve these calls.

        The generated registration would parse the request of a unary call where a failure can not
        be told with a code and a hint; this one parses it here.
        """
        handlers = {
            "StreamingTranscribe": grpc.stream_stream_rpc_method_handler(
                self.streaming_transcribe,
                request_deserializer=proto.StreamingTranscribeRequest.FromString,
                response_serializer=proto.StreamingTranscribeResponse.SerializeToString,
            ),
            "Transcribe": grpc.unary_unary_rpc_method_handler(
                self.transcribe, response_serializer=proto.TranscribeResponse.SerializeToString
            ),
        }
        handlers["Watch"] = grpc.unary_stream_rpc_method_handler(self.watch)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(TRANSCRIPTION, handlers),)
        )

    async def streaming_transcribe(self, _: Any, context: ServicerContext[Any, Any]) -> None:
        """Run one live session."""
        await _told(context, serve_call(context, NativeCallDialect(), self._factory))

    async def watch(self, data: bytes, context: ServicerContext[Any, Any]) -> None:
        """Show a session to a viewer."""
        await _told(context, serve_watch(context, data, self._factory))

    async def transcribe(
        self, data: bytes, context: ServicerContext[Any, Any]
    ) -> proto.TranscribeResponse:
        """Transcribe a short file."""
        await check_key(context, self._factory)
        return await _told(context, self._transcribe(data))

    async def _transcribe(self, data: bytes) -> proto.TranscribeResponse:
        try:
            request = _parse(data)
            options = self._factory.plan(start_options(request.options)).options
            is_split = options.audio.num_transcripts > 1
            files = self._factory.files
            async with (
                files.receive(_once(request.audio), len(request.audio)) as file,
                files.transcribe(file, options, split_channels=is_split) as transcription,
            ):
                finals = [final async for final in transcription]
                duration_s = round(transcription.audio_samples / TARGET_RATE_HZ, 3)
        except StarlingError as error:
            count_refusal(self._factory, error)
            raise
        return _response(finals, duration_s, options)


async def _told(context: ServicerContext[Any, Any], work: Awaitable[AnswerT]) -> AnswerT:
    """Do the work of a call; a failure becomes its status."""
    try:
        return await work
    except StarlingError as error:
        told = error
    except grpc.aio.BaseError:
        raise
    except Exception:
        log.exception("call failed")
        told = StarlingError(ErrorCode.INTERNAL, "the server made a mistake", "try again")
    await context.abort_with_status(error_status(told))
    raise told


def _parse(data: bytes) -> proto.TranscribeRequest:
    try:
        return proto.TranscribeRequest.FromString(data)
    except DecodeError:
        raise not_understood() from None


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _response(
    finals: list[Final], duration_s: float, options: SessionOptions
) -> proto.TranscribeResponse:
    in_order = sorted(finals, key=lambda final: (final.start_sample, final.channel))
    text = " ".join(join_words(final.words) for final in in_order)
    response = proto.TranscribeResponse(text=text, duration=duration_s)
    for final in in_order:
        fill(response.finals.add(), to_wire(0, final))
    fill(response.options, effective(options))
    return response
