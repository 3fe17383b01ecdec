"""Silero VAD in NumPy, many channels in one call.

The network takes a window of 512 samples after the last 64 of the window before: a 256-point
spectrum at four places, four convolutions over time, one LSTM step, one output. Only the LSTM has
to go window by window; the rest runs over all windows of all channels at once, as a few matrix
products. So a window costs 12 to 17 microseconds where ONNX Runtime takes 31 to 40 for the same
weights and the same numbers (within 1e-4, see tests/model/test_vad.py).

What a channel carries on is in its `VadState` (`state.py`). Rows of a call are independent.

A new channel begins as if half a second of silence had come before: from an LSTM at zero Silero
misses some of what is said at once, and notices the rest later (docs/performance.md). It begins so
again after `QUIET_WINDOWS` without speech: what the LSTM remembers of one voice can make it deaf to
the next for seconds.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from server.vad.onnx_weights import Weights, read_weights
from server.vad.state import (
    CONTEXT_SAMPLES,
    NUM_UNITS,
    Counts,
    Matrix,
    VadState,
    memory_after,
)
from streaming.events import Samples
from streaming.speech_gate import QUIET_WINDOWS, RELEASE_PROBABILITY, WINDOW_SAMPLES

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
        num_quiet = np.array([state.num_quiet for state in states])
        steps: list[tuple[Matrix, Counts]] = []
        num_active = len(work)
        for step in range(counts[order[0]]):
            while counts[order[num_active - 1]] <= step:
                num_active -= 1
            now = gates[first_windows[:num_active] + step]
            active = lstm[:, :num_active]
            scores[:num_active, step] = self._lstm.step(now, active)
            self._forget_if_quiet(scores[:num_active, step], active, num_quiet[:num_active])
            steps.append((active.copy(), num_quiet[:num_active].copy()))
        after = np.ascontiguousarray(lstm.swapaxes(0, 1))
        for row, (state, i) in enumerate(zip(states, order, strict=True)):
            state.lstm = after[row]
            state.context = work[i][1][-CONTEXT_SAMPLES:]
            state.num_quiet = int(num_quiet[row])
            state.memory_after = partial(memory_after, steps, row, work[i][1])
        probabilities: list[list[float]] = [[]] * len(work)
        for i, row_scores in zip(order, scores.tolist(), strict=True):
            probabilities[i] = row_scores[: counts[i]]
        return probabilities

    def _forget_if_quiet(self, scores: Matrix, lstm: Matrix, num_quiet: Counts) -> None:
        """Count quiet windows, and begin anew, in place, where there have been enough."""
        num_quiet += 1
        num_quiet[scores >= RELEASE_PROBABILITY] = 0
        np.minimum(num_quiet, QUIET_WINDOWS + 1, out=num_quiet)
        for row in np.flatnonzero(num_quiet == QUIET_WINDOWS):
            lstm[:, row] = self._lstm_after_silence

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
    """Everything before the LSTM, the LSTM's input product included.

    A convolution of width 3 is a product with three neighbours, which lie side by side in memory
    already: a place is a range of columns. Where only zeros would stand at a side, that part of the
    weights is left out. All layers write into arrays made once: fresh ones of this size cost page
    faults.
    """

    def __init__(self, weights: Weights) -> None:
        self._cosines, self._sines = _folded(weights["model.stft.forward_basis_buffer"][:, 0].T)
        names = [f"model.encoder.{layer}.reparam_conv" for layer in range(4)]
        used = (slice(None), slice(None), slice(1, None), slice(1, 2))
        self._convs = [
            _taps(weights[f"{name}.weight"][:, :, taps])
            for name, taps in zip(names, used, strict=True)
        ]
        self._biases = [weights[f"{name}.bias"] for name in names]
        self._to_gates = _gate_columns(weights["model.decoder.rnn.weight_ih"])
        bias = weights["model.decoder.rnn.bias_ih"] + weights["model.decoder.rnn.bias_hh"]
        self._gate_bias = _gate_columns(bias)
        self._even, self._odd = _rows(NUM_PLACES, _HOP_SAMPLES), _rows(NUM_PLACES, _HOP_SAMPLES - 1)
        self._power, self._waves = _rows(NUM_PLACES, NUM_BANDS), _rows(NUM_PLACES, NUM_BANDS - 2)
        widths = (NUM_PLACES * NUM_UNITS, NUM_UNITS, NUM_UNITS // 2, NUM_UNITS)
        self._hidden = [_rows(1, width)[:, 0] for width in widths]

    def gates(self, inputs: Matrix) -> Matrix:
        """Return what each window gives the LSTM, (n, 512)."""
        gates = np.empty((len(inputs), 4 * NUM_UNITS), dtype=np.float32)
        for at in range(0, len(inputs), MAX_WINDOWS_AT_ONCE):
            part = slice(at, at + MAX_WINDOWS_AT_ONCE)
            np.matmul(self._encoded(inputs[part]), self._to_gates, out=gates[part])
        gates += self._gate_bias
        return gates

    def _encoded(self, inputs: Matrix) -> Matrix:
        """Return what the convolutions make of each window, (n, 128)."""
        num = len(inputs)
        spectra = self._spectra(inputs)
        first, second, third, fourth = (hidden[:num] for hidden in self._hidden)
        _convolve(spectra, self._convs[0], first, num_places=NUM_PLACES, step=1)
        _rectify(first.reshape(-1, NUM_UNITS), self._biases[0])
        _convolve(first, self._convs[1], second, num_places=NUM_PLACES, step=2)
        _rectify(second.reshape(-1, NUM_UNITS // 2), self._biases[1])
        np.matmul(second, self._convs[2], out=third)
        _rectify(third, self._biases[2])
        np.matmul(third, self._convs[3], out=fourth)
        _rectify(fourth, self._biases[3])
        return fourth

    def _spectra(self, inputs: Matrix) -> Matrix:
        """Return the magnitudes of a window's four places, (n, 4 * 129)."""
        num = len(inputs)
        halves = inputs.reshape(num, NUM_PLACES + 1, _HOP_SAMPLES)
        first, last = halves[:, :-1, 1:], halves[:, 1:, :0:-1]
        even, odd, power, waves = self._even, self._odd, self._power, self._waves
        np.add(first, last, out=even[:num, :, :-1])
        even[:num, :, -1] = halves[:, 1:, 0]
        np.subtract(first, last, out=odd[:num])
        flat = power[:num].reshape(-1, NUM_BANDS)
        np.matmul(even[:num].reshape(-1, _HOP_SAMPLES), self._cosines, out=flat)
        flat *= flat
        flat_waves = waves[:num].reshape(-1, NUM_BANDS - 2)
        np.matmul(odd[:num].reshape(-1, _HOP_SAMPLES - 1), self._sines, out=flat_waves)
        flat_waves *= flat_waves
        flat[:, 1:-1] += flat_waves
        return np.sqrt(flat, out=flat).reshape(num, -1)


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


def _rows(num_places: int, width: int) -> Matrix:
    return np.empty((MAX_WINDOWS_AT_ONCE, num_places, width), dtype=np.float32)


def _convolve(places: Matrix, weight: Matrix, out: Matrix, *, num_places: int, step: int) -> None:
    """Give every `step`-th place, with its two neighbours, through `weight` (3 * c, k) to `out`.

    `places` is (n, num_places * c); `out` (n, num_places // step * k).
    """
    width, num_units = places.shape[1] // num_places, weight.shape[1]
    for index, place in enumerate(range(0, num_places, step)):
        begin, end = max(place - 1, 0), min(place + 2, num_places)
        taps = weight[(begin - place + 1) * width : (end - place + 1) * width]
        columns = slice(index * num_units, (index + 1) * num_units)
        np.matmul(places[:, begin * width : end * width], taps, out=out[:, columns])


def _rectify(hidden: Matrix, bias: Matrix) -> None:
    hidden += bias
    np.maximum(hidden, 0.0, out=hidden)
