"""The weights inside an ONNX file, without the graph around them.

ONNX is a Protocol Buffers message; of it only three fields are of interest: `ModelProto.graph` (7),
`GraphProto.initializer` (5), and name, type, dims and raw bytes of each `TensorProto`. Reading
these takes less code than the package that reads all of ONNX takes megabytes.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[np.float32]]

_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


def read_weights(path: Path) -> Weights:
    """Return the float32 initializers of the graph by name.

    Raises:
        ValueError: The file is no ONNX model.
    """
    weights: Weights = {}
    try:
        for graph in _messages(path.read_bytes(), _MODEL_GRAPH):
            for tensor in _messages(graph, _GRAPH_INITIALIZER):
                weights |= _float_tensor(tensor)
    except IndexError:
        raise ValueError(f"{path} is cut off or no ONNX model") from None
    return weights


def _float_tensor(message: bytes) -> Weights:
    name, raw, data_type = "", b"", 0
    dims: list[int] = []
    for number, value in _fields(message):
        if number == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            data_type = value
        elif number == _TENSOR_NAME and isinstance(value, bytes):
            name = value.decode()
        elif number == _TENSOR_RAW and isinstance(value, bytes):
            raw = value
    if data_type != _FLOAT32 or not raw:
        return {}
    return {name: np.frombuffer(raw, dtype="<f4").reshape(dims)}


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    for number, value in _fields(message):
        if number == wanted and isinstance(value, bytes):
            yield value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire_type = key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire_type == _BYTES:
            size, at = _varint(message, at)
        elif wire_type in _FIXED_SIZES:
            size = _FIXED_SIZES[wire_type]
        else:
            raise IndexError(wire_type)
        if at + size > len(message):
            raise IndexError(at)
        yield key >> 3, message[at : at + size]
        at += size


def _packed(message: bytes) -> list[int]:
    at, values = 0, []
    while at < len(message):
        value, at = _varint(message, at)
        values.append(value)
    return values


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
