"""Reading weights out of ONNX messages written by hand."""

import struct

import numpy as np
import pytest

from server.vad.onnx_weights import read_weights

pytestmark = pytest.mark.unit


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, values, dims, data_type=1):
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(field(1, dim) for dim in dims) + b"".join(
        (field(2, data_type), field(8, name.encode()), field(9, raw))
    )


def model(*tensors):
    graph = field(2, b"graph") + b"".join(field(5, entry) for entry in tensors)
    fixed = varint(3 << 3 | 1) + bytes(8) + varint(4 << 3 | 5) + bytes(4)
    return field(1, 8) + fixed + field(7, graph)


@pytest.fixture
def write(tmp_path):
    def written(data):
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        return path

    return written


def test_float_tensors_come_with_name_and_shape(write):
    weights = read_weights(write(model(tensor("a", [1, 2, 3, 4, 5, 6], (2, 3)))))

    np.testing.assert_array_equal(weights["a"], [[1, 2, 3], [4, 5, 6]])


def test_packed_dimensions_and_long_numbers_are_read(write):
    values = np.arange(300, dtype=np.float32)
    packed = field(1, varint(300) + varint(1)) + field(2, 1) + field(8, b"a")
    weights = read_weights(write(model(packed + field(9, values.tobytes()))))

    assert weights["a"].shape == (300, 1)


def test_tensors_of_other_types_are_left_out(write):
    assert read_weights(write(model(tensor("a", [1], (1,), data_type=7)))) == {}


@pytest.mark.parametrize("data", [b"\xff", model(tensor("a", [1], (1,)))[:-3], b"no model at all"])
def test_what_is_no_model_is_refused(write, data):
    with pytest.raises(ValueError, match="cut off or no ONNX model"):
        read_weights(write(data))
