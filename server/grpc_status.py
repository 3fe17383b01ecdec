"""Errors as the rich statuses of gRPC: code, sentence, and machine-readable details."""

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from server.wire_status import WIRE_STATUS
from streaming.errors import StarlingError

DOMAIN = "starling"


def error_status(error: StarlingError) -> grpc.Status:
    """Return the status of a call that ends with `error`."""
    code = grpc.StatusCode[WIRE_STATUS[error.code].grpc]
    info = Any()
    info.Pack(
        ErrorInfo(
            reason=error.code.value,
            domain=DOMAIN,
            metadata={"hint": error.hint, "retryable": str(error.is_retryable).lower()},
        )
    )
    details = [info]
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        retry = Any()
        retry.Pack(RetryInfo(retry_delay=delay))
        details.append(retry)
    number: int = code.value[0]
    return rpc_status.to_status(Status(code=number, message=error.message, details=details))
