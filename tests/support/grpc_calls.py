"""Requests of scripted speech, and what a call is told."""

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status
from starling.v1 import transcription_pb2 as proto

from tests.support.proto_json import to_json
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

Request = proto.StreamingTranscribeRequest


PCM = proto.Start(encoding=proto.ENCODING_PCM_S16LE, sample_rate=16_000)


START = Request(start=PCM)


STOP = Request(stop=proto.Stop())


def audio(*parts):
    return Request(audio=pcm16(said(*parts)))


async def heard(call):
    """Everything the server says, and the error that ends the call, if one does."""
    messages = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            messages.append(to_json(message))
    except grpc.aio.AioRpcError as error:
        return messages, error
    return messages, None


async def heard_until(call, kind):
    while to_json(await call.read())["type"] != kind:
        pass


async def conversation(stub, *requests, closes=False):
    call = stub.StreamingTranscribe()
    for request in requests:
        await call.write(request)
    if closes:
        await call.done_writing()
    return await heard(call)


def texts(messages):
    return [message["text"] for message in messages if message["type"] == "final"]


def details(error):
    """The ErrorInfo and RetryInfo of an error's status."""
    info, retry = ErrorInfo(), RetryInfo()
    for detail in rpc_status.from_call(error).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    return info, retry


async def all_gone(stage):
    await stage.factory.admission._all_gone.wait()
