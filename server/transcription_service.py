"""The calls of `proto/starling/v1`."""

from collections.abc import AsyncIterator
from typing import Any

from grpc.aio import ServicerContext
from starling.v1.transcription_pb2 import (
    Final as FinalMessage,
)
from starling.v1.transcription_pb2 import (
    TranscribeRequest,
    TranscribeResponse,
)
from starling.v1.transcription_pb2_grpc import TranscriptionServicer

from server.dialects.native import effective, to_wire
from server.dialects.native_call import NativeCallDialect, start_options
from server.dialects.native_proto import fill
from server.grpc_status import error_status
from server.session_opening import SessionFactory, count_refusal
from server.transports.grpc import check_key, serve_call
from streaming.errors import StarlingError
from streaming.events import Final
from streaming.options import TARGET_RATE_HZ, SessionOptions
from streaming.transcript import join_words


class TranscriptionService(TranscriptionServicer):
    """Answers calls; sessions and files run as those of HTTP do."""

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory

    async def StreamingTranscribe(  # noqa: N802 # the method's name in the proto
        self, _: Any, context: ServicerContext[Any, Any]
    ) -> None:
        """Run one live session."""
        await serve_call(context, NativeCallDialect(), self._factory)

    async def Transcribe(  # noqa: N802 # as above
        self, request: TranscribeRequest, context: ServicerContext[Any, Any]
    ) -> TranscribeResponse:
        """Transcribe a short file."""
        await check_key(context, self._factory)
        try:
            return await self._transcribe(request)
        except StarlingError as error:
            count_refusal(self._factory, error)
            await context.abort_with_status(error_status(error))
            raise

    async def _transcribe(self, request: TranscribeRequest) -> TranscribeResponse:
        options = self._factory.plan(start_options(request.options)).options
        is_split = options.audio.num_transcripts > 1
        files = self._factory.files
        async with (
            files.receive(_once(request.audio), len(request.audio)) as file,
            files.transcribe(file, options, split_channels=is_split) as transcription,
        ):
            finals = [final async for final in transcription]
            duration_s = round(transcription.audio_samples / TARGET_RATE_HZ, 3)
        return _response(finals, duration_s, options)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _response(
    finals: list[Final], duration_s: float, options: SessionOptions
) -> TranscribeResponse:
    in_order = sorted(finals, key=lambda final: (final.start_sample, final.channel))
    messages = []
    for final in in_order:
        messages.append(FinalMessage())
        fill(messages[-1], to_wire(0, final))
    text = " ".join(join_words(final.words) for final in in_order)
    response = TranscribeResponse(text=text, finals=messages, duration=duration_s)
    fill(response.options, effective(options))
    return response
