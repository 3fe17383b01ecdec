"""Silero VAD in NumPy, many channels in one call.

The network takes a window of 512 samples after the last 64 of the window before: a 256-point
spectrum at four places, four convolutions over time, one LSTM step, one output. Only the LSTM has
to go window by window; the rest runs over all windows of all channels at once, as a few matrix
products. So a window costs 12 to 17 microseconds where ONNX Runtime takes 31 to 40 for the same
weights and the same numbers (within 1e-4, see tests/model/test_vad.py).

What a channel carries on is in its `VadState`. Rows of a call are independent.

A new channel begins as if half a second of silence had come before: from an LSTM at zero Silero
misses some of what is said at once, and notices the rest later (docs/performance.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from server.vad.onnx_weights import Weights, read_weights
from streaming.events import Samples
from streaming.speech_gate import WINDOW_SAMPLES

Matrix = npt.NDArray[np.float32]

CONTEXT_SAMPLES = 64
NUM_UNITS = 128
"""Width of the LSTM."""

NUM_BANDS = 129
NUM_PLACES = 4
"""Spectra a window gives."""

MAX_WINDOWS_AT_ONCE = 256
"""More at once fall out of the CPU's cache and get slower."""

_HOP_SAMPLES = 128
"""From one place to the next; a spectrum is over twice as many."""

_SILENCE_BEFORE_WINDOWS = 16
_MIRRORED_SAMPLES = 64
_INPUT_SAMPLES = CONTEXT_SAMPLES + WINDOW_SAMPLES
_FLOAT_BYTES = 4


def _memory(lstm: Matrix, context: Samples) -> bytes:
    return lstm.astype("<f4").tobytes() + context.astype("<f4").tobytes()


@dataclass(eq=False, slots=True)
class VadState:
    """What Silero remembers of one channel: LSTM state (2, 128) and the last 64 samples.

    A channel nobody has heard yet has no LSTM state.
    """

    lstm: Matrix | None = None
    context: Samples = field(default_factory=lambda: np.zeros(CONTEXT_SAMPLES, dtype=np.float32))
    memory_after: Callable[[int], bytes] | None = None
    """What `to_bytes` would have said after each window of the last call; costs nothing unasked."""

    def to_bytes(self) -> bytes:
        """Return what to go on from elsewhere: 1,280 bytes, or none for a fresh state."""
        return b"" if self.lstm is None else _memory(self.lstm, self.context)

    @classmethod
    def from_bytes(cls, memory: bytes) -> "VadState":
        """Return the state of these bytes; none are a fresh state.

        Raises:
            ValueError: The bytes are of another size.
        """
        if not memory:
            return cls()
        numbers = np.frombuffer(memory, dtype="<f4").astype(np.float32)
        lstm, context = np.split(numbers, [2 * NUM_UNITS])
        if len(context) != CONTEXT_SAMPLES:
            raise ValueError("not the memory of this speech model")
        return cls(lstm.reshape(2, NUM_UNITS), context)


def _memory_after(steps: list[Matrix], row: int, samples: Samples, window: int) -> bytes:
    end = (window + 1) * WINDOW_SAMPLES
    return _memory(steps[window][:, row], samples[end - CONTEXT_SAMPLES : end])


class SileroVad:
    """The loaded network; not for several threads at once."""

    def __init__(self, onnx_path: Path) -> None:
        weights = read_weights(onnx_path)
        self._encoder = _Encoder(weights)
        self._lstm = _Lstm(weights)
        self._lstm_after_silence = self._after_silence()

    def score(self, work: Sequence[tuple[VadState, Samples]]) -> list[list[float]]:
        """Return a speech probability for every window of every channel, and advance the states.

        Args:
            work: A state and whole windows of 512 samples each, at least one, per channel.
        """
        counts = [len(samples) // WINDOW_SAMPLES for _, samples in work]
        order = sorted(range(len(work)), key=lambda i: -counts[i])
        states = [work[i][0] for i in order]
        gates = self._encoder.gates(_inputs([work[i] for i in order]))
        first_windows = np.cumsum([0, *(counts[i] for i in order[:-1])])
        lstm = np.stack([self._remembered(state) for state in states], axis=1)
        scores = np.empty((len(work), counts[order[0]]), dtype=np.float32)
        steps: list[Matrix] = []
        num_active = len(work)
        for step in range(counts[order[0]]):
            while counts[order[num_active - 1]] <= step:
                num_active -= 1
            now = gates[first_windows[:num_active] + step]
            scores[:num_active, step] = self._lstm.step(now, lstm[:, :num_active])
            steps.append(lstm[:, :num_active].copy())
        after = np.ascontiguousarray(lstm.swapaxes(0, 1))
        for row, (state, i) in enumerate(zip(states, order, strict=True)):
            state.lstm = after[row]
            state.context = work[i][1][-CONTEXT_SAMPLES:].copy()
            state.memory_after = partial(_memory_after, steps, row, work[i][1])
        probabilities: list[list[float]] = [[]] * len(work)
        for row, i in enumerate(order):
            probabilities[i] = scores[row, : counts[i]].tolist()
        return probabilities

    def _after_silence(self) -> Matrix:
        lstm = np.zeros((2, 1, NUM_UNITS), dtype=np.float32)
        silence = np.zeros(_SILENCE_BEFORE_WINDOWS * WINDOW_SAMPLES, dtype=np.float32)
        for gates in self._encoder.gates(_inputs([(VadState(), silence)])):
            self._lstm.step(gates[None], lstm)
        return lstm[:, 0]

    def _remembered(self, state: VadState) -> Matrix:
        return self._lstm_after_silence if state.lstm is None else state.lstm


def _inputs(work: Sequence[tuple[VadState, Samples]]) -> Matrix:
    """Return every window after the samples before it and before its mirrored end, (n, 640)."""
    num_windows = sum(len(samples) // WINDOW_SAMPLES for _, samples in work)
    inputs = np.empty((num_windows, _INPUT_SAMPLES + _MIRRORED_SAMPLES), dtype=np.float32)
    at = 0
    for state, samples in work:
        end = at + len(samples) // WINDOW_SAMPLES
        windows = samples.reshape(-1, WINDOW_SAMPLES)
        inputs[at:end, CONTEXT_SAMPLES:_INPUT_SAMPLES] = windows
        inputs[at, :CONTEXT_SAMPLES] = state.context
        if end - at > 1:
            inputs[at + 1 : end, :CONTEXT_SAMPLES] = windows[:-1, -CONTEXT_SAMPLES:]
        at = end
    inputs[:, _INPUT_SAMPLES:] = inputs[:, _INPUT_SAMPLES - 2 : -_MIRRORED_SAMPLES - 66 : -1]
    return inputs


class _Encoder:
    """Everything before the LSTM, the LSTM's input product included."""

    def __init__(self, weights: Weights) -> None:
        self._cosines, self._sines = _folded(weights["model.stft.forward_basis_buffer"][:, 0].T)
        names = [f"model.encoder.{layer}.reparam_conv" for layer in range(4)]
        # A convolution of width 3 is one product with three neighbours laid side by side. Where
        # only zeros stand at a side, its part of the weights is left out.
        used = (slice(None), slice(None), slice(1, None), slice(1, 2))
        self._convs = [
            _taps(weights[f"{name}.weight"][:, :, taps])
            for name, taps in zip(names, used, strict=True)
        ]
        self._biases = [weights[f"{name}.bias"] for name in names]
        self._to_gates = _gate_columns(weights["model.decoder.rnn.weight_ih"])
        bias = weights["model.decoder.rnn.bias_ih"] + weights["model.decoder.rnn.bias_hh"]
        self._gate_bias = _gate_columns(bias)

    def gates(self, inputs: Matrix) -> Matrix:
        """Return what each window gives the LSTM, (n, 512)."""
        if len(inputs) <= MAX_WINDOWS_AT_ONCE:
            return self._gates(inputs)
        parts = range(0, len(inputs), MAX_WINDOWS_AT_ONCE)
        return np.concatenate([self._gates(inputs[at : at + MAX_WINDOWS_AT_ONCE]) for at in parts])

    def _gates(self, inputs: Matrix) -> Matrix:
        num = len(inputs)
        hidden = _side_by_side(self._spectra(inputs), NUM_PLACES, 1) @ self._convs[0]
        hidden += self._biases[0]
        framed = np.zeros((num, NUM_PLACES + 1, NUM_UNITS), dtype=np.float32)
        np.maximum(hidden.reshape(num, NUM_PLACES, NUM_UNITS), 0.0, out=framed[:, 1:])
        hidden = _dense(_side_by_side(framed, 2, 2), self._convs[1], self._biases[1])
        hidden = _dense(hidden.reshape(num, -1), self._convs[2], self._biases[2])
        hidden = _dense(hidden, self._convs[3], self._biases[3])
        gates: Matrix = hidden @ self._to_gates
        gates += self._gate_bias
        return gates

    def _spectra(self, inputs: Matrix) -> Matrix:
        """Return magnitudes with a place of zeros before and after, (n, 6, 129)."""
        num = len(inputs)
        halves = inputs.reshape(num, NUM_PLACES + 1, _HOP_SAMPLES)
        first, last = halves[:, :-1, 1:], halves[:, 1:, :0:-1]
        even = np.empty((num, NUM_PLACES, _HOP_SAMPLES), dtype=np.float32)
        np.add(first, last, out=even[:, :, :-1])
        even[:, :, -1] = halves[:, 1:, 0]
        power = even.reshape(-1, _HOP_SAMPLES) @ self._cosines
        power *= power
        waves = (first - last).reshape(-1, _HOP_SAMPLES - 1) @ self._sines
        waves *= waves
        power[:, 1:-1] += waves
        framed = np.zeros((num, NUM_PLACES + 2, NUM_BANDS), dtype=np.float32)
        np.sqrt(power.reshape(num, NUM_PLACES, NUM_BANDS), out=framed[:, 1:-1])
        return framed


class _Lstm:
    """The recurrent step and the output."""

    def __init__(self, weights: Weights) -> None:
        self._to_gates = _gate_columns(weights["model.decoder.rnn.weight_hh"])
        self._output = np.ascontiguousarray(weights["model.decoder.decoder.2.weight"][0, :, 0])
        self._output_bias = weights["model.decoder.decoder.2.bias"][0]

    def step(self, gates: Matrix, lstm: Matrix) -> Matrix:
        """Return a probability per row, (n,); `lstm` (2, n, 128) is advanced in place."""
        hidden, cell = lstm
        gates += hidden @ self._to_gates
        np.tanh(gates, out=gates)
        doors = gates[:, : 3 * NUM_UNITS]
        doors += 1.0
        doors *= 0.5
        new = gates[:, 3 * NUM_UNITS :]
        new *= gates[:, :NUM_UNITS]
        cell *= gates[:, NUM_UNITS : 2 * NUM_UNITS]
        cell += new
        np.tanh(cell, out=hidden)
        hidden *= gates[:, 2 * NUM_UNITS : 3 * NUM_UNITS]
        outputs = np.maximum(hidden, 0.0) @ self._output + self._output_bias
        probabilities: Matrix = 0.5 * np.tanh(0.5 * outputs) + 0.5
        return probabilities


def _gate_columns(weight: Matrix) -> Matrix:
    """Turn PyTorch's gate rows (in, forget, cell, out) into columns in, forget, out, cell.

    A sigmoid is half a tanh of half its input, so one tanh does for all gates when the weights of
    the sigmoid ones are halved.
    """
    door_in, door_forget, new, door_out = np.split(weight, 4)
    doors = (0.5 * door for door in (door_in, door_forget, door_out))
    return np.ascontiguousarray(np.concatenate([*doors, new]).T)


def _folded(basis: Matrix) -> tuple[Matrix, Matrix]:
    """Return what a spectrum's cosines and sines make of half as many samples, (128, 129 and 127).

    Sample k and sample 256 - k have the same cosines and opposite sines, so the first are applied
    to their sums (last the middle sample, which has no partner), the second to their differences.
    Sample 0 weighs nothing under the window, and the outermost bands have no sines.
    """
    cosines = basis[1 : _HOP_SAMPLES + 1, :NUM_BANDS]
    sines = basis[1:_HOP_SAMPLES, NUM_BANDS + 1 : 2 * NUM_BANDS - 1]
    return np.ascontiguousarray(cosines), np.ascontiguousarray(sines)


def _taps(weight: Matrix) -> Matrix:
    """Turn convolution weights (out, in, width) into a matrix (width * in, out)."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]))


def _side_by_side(framed: Matrix, num_places: int, step: int) -> Matrix:
    """Lay each place beside its two neighbours: (n, places, c) to (n * num_places, 3 * c)."""
    num, places, width = framed.shape
    laid = np.lib.stride_tricks.as_strided(
        framed,
        (num, num_places, 3 * width),
        (places * width * _FLOAT_BYTES, step * width * _FLOAT_BYTES, _FLOAT_BYTES),
        writeable=False,
    )
    return laid.reshape(-1, 3 * width)


def _dense(inputs: Matrix, weight: Matrix, bias: Matrix) -> Matrix:
    outputs: Matrix = inputs @ weight
    outputs += bias
    return np.maximum(outputs, 0.0, out=outputs)
