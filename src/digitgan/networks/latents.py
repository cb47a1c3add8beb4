"""Functions of latents that several families share: truncation and principal directions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float32]


def truncated(z: Numbers, reach: float) -> Numbers:
    """Map standard normal numbers to the normal distribution truncated to [-reach, reach], preserving their order.

    This is the truncation trick (Brock et al. 2019, arXiv:1809.11096, section 3.1) without resampling. It maps the p-quantile
    of the normal distribution to the p-quantile of the truncated distribution. An image therefore keeps its identity and
    moves towards the mean image.
    """
    from scipy.special import ndtr, ndtri

    outside = ndtr(-reach)
    squeezed: Numbers = ndtri(outside + ndtr(z.astype(np.float64)) * (1 - 2 * outside)).astype(np.float32)
    return squeezed.clip(-reach, reach)


def directions_of_layer(weight: npt.NDArray[np.float64], count: int) -> tuple[Numbers, Numbers]:
    """Compute the latent directions that change the output of a dense layer most.

    These are the principal components of the layer's output, as in GANSpace (Härkönen et al. 2020, arXiv:2004.02546). The
    layer is W z + b with standard normal z, so its covariance is W Wᵀ and no sampling is needed. The directions are the right
    singular vectors of W, and the squared singular values are their variances.

    Args:
        weight: W, (outputs, latent).
        count: number of directions.

    Returns:
        Directions (count, latent) of norm 1, see `signed`; and (count,), the fraction of the total variance that each
        explains.
    """
    _, sizes, vectors = np.linalg.svd(weight, full_matrices=False)
    shares = sizes**2 / (sizes**2).sum()
    return signed(vectors)[:count].astype(np.float32), shares[:count].astype(np.float32)


def signed(directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return directions (n, latent) with signs by which the element of largest magnitude of each is positive."""
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return np.asarray(directions * signs[:, None])
