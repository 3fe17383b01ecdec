"""Half of the work of a spectrum: samples that share their cosines are added before the product."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


def folded(basis: npt.NDArray[np.floating]) -> tuple[Matrix, Matrix]:
    """Return what cosines and sines make of half as many samples.

    Of n samples, n even, sample k and sample n - k have the same cosines and opposite sines, so the
    first are applied to their sums (last the middle sample, which has no partner), the second to
    their differences. Sample 0 weighs nothing under the window, and the outermost bands have no
    sines.

    Args:
        basis: Windowed cosines of bands 0 to n / 2, then as many sines, (n, n + 2).

    Returns:
        Cosines (n / 2, n / 2 + 1) and sines (n / 2 - 1, n / 2 - 1), for the inner bands.
    """
    half = len(basis) // 2
    cosines = basis[1 : half + 1, : half + 1].astype(np.float32)
    sines = basis[1:half, half + 2 : 2 * half + 1].astype(np.float32)
    return np.ascontiguousarray(cosines), np.ascontiguousarray(sines)
