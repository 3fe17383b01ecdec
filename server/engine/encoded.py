"""What is encoded of a window, made as long as the window.

On a CPU most of a window's padding is not encoded: its end is repeated until the window is full. To
the decoder that is more of the same silence (docs/performance.md, "Padding is not encoded").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ctranslate2
import numpy as np
import numpy.typing as npt

Window = npt.NDArray[np.float32]
"""The encoder's output for one row: (1, places of 20 ms, the model's width)."""

FRAMES_A_PLACE = 2

PADDING_PLACES = 60
"""Every window but the full one ends in at least 75 of them (`MIN_PADDING_FRAMES` in
`streaming/windows.py`), of which the first are left out: they have speech close by."""


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """The encoder's output for a batch, (rows, places, width), of each row so many encoded."""

    together: ctranslate2.StorageView
    num_encoded: Sequence[int]

    def __len__(self) -> int:
        return len(self.num_encoded)

    def chosen(self, rows: Sequence[int]) -> ctranslate2.StorageView:
        """Return what was encoded of rows, of each as much."""
        num_encoded = self.num_encoded[rows[0]]
        if len(rows) == len(self) and num_encoded == self.together.shape[1]:
            return self.together
        on_cpu = np.asarray(self.together.to_device(ctranslate2.Device.cpu))
        return ctranslate2.StorageView.from_array(on_cpu[list(rows), :num_encoded])


def side_by_side(encoded: Sequence[Window], num_places: int) -> EncodedRows:
    """Return the rows of a batch whose windows have so many places, of which fewer are encoded."""
    together = np.concatenate([lengthened(window, num_places) for window in encoded])
    lengths = [window.shape[1] for window in encoded]
    return EncodedRows(ctranslate2.StorageView.from_array(together), lengths)


def lengthened(window: Window, num_places: int) -> Window:
    """Return a window with its last `PADDING_PLACES` again and again, up to so many places."""
    num_missing = num_places - window.shape[1]
    if num_missing == 0:
        return window
    padding = window[0, -PADDING_PLACES:]
    again = np.resize(padding, (num_missing, padding.shape[1]))
    return np.concatenate([window, again[None]], axis=1)
