"""Random numbers as a pure function of (seed, purpose, index).

No random state is kept or saved. A caller names the purpose and the index of the numbers: the latents of training image
12,800, the order of epoch 3, the latent of generated image 7. A resumed run therefore needs no saved state. Any split of the
work over batches, processes or machines uses the same numbers.

The streams use Philox (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), which maps a key and a
counter to random words. The key is a hash of the seed and the purpose, and the counter is the index.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from digitgan.errors import UsageError

SEEDS = 2**63
"""The number of seeds; a seed is an integer in [0, SEEDS)."""

WORDS_A_COUNT = 4
"""The number of 64-bit words that one value of the Philox counter yields."""


def check_seed(seed: int) -> None:
    """Check that a seed is an integer in range.

    Raises:
        UsageError: if the seed is not an integer, is negative or has more than 63 bits.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < SEEDS:
        raise UsageError(f"--seed {seed}: must be an integer from 0 to 2**63 - 1")


def _key(seed: int, purpose: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little")


def words(seed: int, purpose: str, start: int, count: int, width: int) -> npt.NDArray[np.uint64]:
    """Return rows `start` to `start + count` of the table of random words of (seed, purpose).

    Returns:
        uint64 array (count, width). A row does not depend on the other rows of the call.
    """
    counts_a_row = -(-width // WORDS_A_COUNT)
    philox = np.random.Philox(key=_key(seed, purpose), counter=start * counts_a_row)
    drawn = philox.random_raw(count * counts_a_row * WORDS_A_COUNT)
    return np.asarray(drawn, dtype=np.uint64).reshape(count, counts_a_row * WORDS_A_COUNT)[:, :width]


def uniforms(seed: int, purpose: str, start: int, count: int, width: int) -> npt.NDArray[np.float64]:
    """Return rows `start` to `start + count` of a table of numbers, uniform in [0, 1).

    Returns:
        float64 array (count, width).
    """
    return (words(seed, purpose, start, count, width) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seed: int, purpose: str, start: int, count: int, width: int) -> npt.NDArray[np.float32]:
    """Return rows `start` to `start + count` of a table of standard normal numbers.

    The numbers come from the Box-Muller transform. Unlike the faster ziggurat method, it uses a fixed number of words per
    number, so that each row has a fixed position in the stream.

    Returns:
        float32 array (count, width).
    """
    pairs = -(-width // 2)
    unit = uniforms(seed, purpose, start, count, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log1p(-unit[:, :pairs]))
    angle = 2.0 * np.pi * unit[:, pairs:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both[:, :width].astype(np.float32)


def integers(seed: int, purpose: str, start: int, count: int, below: int) -> npt.NDArray[np.int64]:
    """Return entries `start` to `start + count` of a list of integers, uniform in [0, below).

    The modulo bias is less than `below` / 2**64.
    """
    return (words(seed, purpose, start, count, 1)[:, 0] % np.uint64(below)).astype(np.int64)


def fractions(raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """Convert random words to float32 numbers in [0, 1) of the same shape."""
    return ((raw >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24)


def permutation(seed: int, purpose: str, index: int, length: int) -> npt.NDArray[np.int64]:
    """Return the permutation of range(length) of (seed, purpose, index), for example the order of an epoch."""
    philox = np.random.Philox(key=_key(seed, f"{purpose}/{index}"))
    return np.random.Generator(philox).permutation(length)


def spread(seed: int, purpose: str, start: int, stop: int, count: int, length: int) -> npt.NDArray[np.int64]:
    """Return entries `start` to `stop` of `count` positions spread evenly over range(length).

    There is one position in each of `count` equal parts. The position inside a part is random, so that the selection does not
    follow a pattern of the data. For example, every tenth image of a set with ten alternating labels would have the same
    label. If `count` equals `length`, each position occurs once.
    """
    part = np.arange(start, stop + 1, dtype=np.int64) * length // count
    sizes = np.maximum(np.diff(part), 1)
    return part[:-1] + (words(seed, purpose, start, stop - start, 1)[:, 0] % sizes.astype(np.uint64)).astype(np.int64)


def torch_seed(seed: int, purpose: str) -> int:
    """Return a seed for `torch.Generator.manual_seed`, for numbers that torch itself draws, such as initial weights."""
    return _key(seed, purpose) % 2**63
