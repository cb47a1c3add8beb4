"""Every random number of the program: a stream is a function of (seed, purpose, index).

No generator is ever carried along or saved. Whoever needs numbers says what they are for and which of them: the latents of
training image 12,800, the order of epoch 3, the latent of drawn image 7. So a resumed run needs no saved state, and any
split of the work over batches, processes or machines sees the same numbers.

The streams come from Philox (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), which turns a key
and a counter into random words: the key is a hash of seed and purpose, the counter is the index.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from digitgan.errors import UsageError

SEEDS = 2**63
"""A seed is a whole number from 0 to below this."""

WORDS_A_COUNT = 4
"""One value of Philox's counter yields four 64-bit words."""


def check_seed(seed: int) -> None:
    """Refuse a seed that a user can't mean.

    Raises:
        UsageError: for a number below 0, or of more than 63 bits.
    """
    if not 0 <= seed < SEEDS:
        raise UsageError(f"--seed {seed}: a whole number from 0 to 2**63 - 1 is right")


def _key(seed: int, purpose: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little")


def words(seed: int, purpose: str, start: int, count: int, width: int) -> npt.NDArray[np.uint64]:
    """Rows `start` to `start + count` of the table of random words that (seed, purpose) names.

    Returns:
        uint64 array (count, width). Row i is the same whatever rows it was asked for with.
    """
    counts_a_row = -(-width // WORDS_A_COUNT)
    philox = np.random.Philox(key=_key(seed, purpose), counter=start * counts_a_row)
    drawn = philox.random_raw(count * counts_a_row * WORDS_A_COUNT)
    return np.asarray(drawn, dtype=np.uint64).reshape(count, counts_a_row * WORDS_A_COUNT)[:, :width]


def normals(seed: int, purpose: str, start: int, count: int, width: int) -> npt.NDArray[np.float32]:
    """Rows `start` to `start + count` of a table of standard normal numbers, by the Box-Muller transform.

    Box-Muller, unlike the faster ziggurat, takes a fixed number of words for each number, so that every row has its place.

    Returns:
        float32 array (count, width).
    """
    pairs = -(-width // 2)
    raw = words(seed, purpose, start, count, 2 * pairs)
    unit = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log1p(-unit[:, :pairs]))
    angle = 2.0 * np.pi * unit[:, pairs:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both[:, :width].astype(np.float32)


def integers(seed: int, purpose: str, start: int, count: int, below: int) -> npt.NDArray[np.int64]:
    """Entries `start` to `start + count` of a list of integers, uniform in [0, below).

    The remainder's bias is under `below` / 2**64.
    """
    return (words(seed, purpose, start, count, 1)[:, 0] % np.uint64(below)).astype(np.int64)


def fractions(raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float32]:
    """Random words as numbers in [0, 1), of the same shape."""
    return ((raw >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24)


def permutation(seed: int, purpose: str, index: int, length: int) -> npt.NDArray[np.int64]:
    """The permutation of range(length) that (seed, purpose, index) names: the order of an epoch, say."""
    philox = np.random.Philox(key=_key(seed, f"{purpose}/{index}"))
    return np.random.Generator(philox).permutation(length)


def spread(seed: int, purpose: str, start: int, stop: int, count: int, length: int) -> npt.NDArray[np.int64]:
    """Entries `start` to `stop` of `count` places, evenly spread over range(length): one in each of `count` equal parts.

    Where in its part each lies is random, so that no pattern in what is chosen from comes through, as it would with every
    tenth of labels that take turns. Where `count` is `length`, each place comes once.
    """
    part = np.arange(start, stop + 1, dtype=np.int64) * length // count
    sizes = np.maximum(np.diff(part), 1)
    return part[:-1] + (words(seed, purpose, start, stop - start, 1)[:, 0] % sizes.astype(np.uint64)).astype(np.int64)


def torch_seed(seed: int, purpose: str) -> int:
    """A seed for `torch.Generator.manual_seed`, where torch itself must draw: the initial weights."""
    return _key(seed, purpose) % 2**63
