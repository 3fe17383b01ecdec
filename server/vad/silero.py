"""Silero VAD through ONNX Runtime, many channels in one call.

The graph takes a window of 512 samples after the last 64 of the window before, and carries an LSTM
state; both belong to the channel and are kept in its `VadState`. Rows of a call are independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from streaming.events import Samples
from streaming.options import TARGET_RATE_HZ
from streaming.speech_gate import WINDOW_SAMPLES

CONTEXT_SAMPLES = 64
_STATE_SHAPE = (2, 128)
_ERRORS_ONLY = 3


@dataclass(eq=False, slots=True)
class VadState:
    """What Silero remembers of one channel: LSTM state (2, 128) and the last 64 samples."""

    lstm: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(_STATE_SHAPE, dtype=np.float32)
    )
    context: Samples = field(default_factory=lambda: np.zeros(CONTEXT_SAMPLES, dtype=np.float32))


class SileroVad:
    """The loaded graph; not for several threads at once."""

    def __init__(self, onnx_path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            str(onnx_path), options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(TARGET_RATE_HZ, dtype=np.int64)

    def score(self, work: Sequence[tuple[VadState, Samples]]) -> list[list[float]]:
        """Return a speech probability for every window of every channel, and advance the states.

        Args:
            work: A state and whole windows of 512 samples each, at least one, per channel.
        """
        counts = [len(samples) // WINDOW_SAMPLES for _, samples in work]
        order = sorted(range(len(work)), key=lambda i: -counts[i])
        states = [work[i][0] for i in order]
        windows = [work[i][1].reshape(-1, WINDOW_SAMPLES) for i in order]
        lstm = np.stack([state.lstm for state in states], axis=1)
        context = np.stack([state.context for state in states])
        scores: list[list[float]] = [[] for _ in work]
        for step in range(max(counts)):
            active = sum(1 for i in order if counts[i] > step)
            step_windows = np.stack([windows[row][step] for row in range(active)])
            probabilities, lstm[:, :active] = self._session.run(
                None,
                {
                    "input": np.concatenate((context[:active], step_windows), axis=1),
                    "state": np.ascontiguousarray(lstm[:, :active]),
                    "sr": self._rate,
                },
            )
            context[:active] = step_windows[:, -CONTEXT_SAMPLES:]
            for row in range(active):
                scores[order[row]].append(float(probabilities[row, 0]))
        for row, state in enumerate(states):
            state.lstm, state.context = lstm[:, row].copy(), context[row].copy()
        return scores
