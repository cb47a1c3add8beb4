"""FID and KID on Inception features, as papers report them. The weights must be on disk."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.data import ImageSet, ProgressFn
from digitgan.errors import UsageError
from digitgan.evaluation.measure import Evaluation, EvaluationSource
from digitgan.evaluation.metrics import FeatureMoments, frechet_distance, kernel_distance
from digitgan.evaluation.reference import ReferenceStatistics
from digitgan.files import file_hash
from digitgan.images import Picture, shared_tensor

if TYPE_CHECKING:
    from torch_fidelity import FeatureExtractorInceptionV3

WIDTH: Final = 2048
"""The width of Inception's last pooling layer, on which FID is defined (Heusel et al. 2017)."""

MIN_INCEPTION_IMAGES: Final = WIDTH + 1
"""The least number of images for a covariance of full rank; papers use at least 10,000."""

PUBLISHED: Final = "6726825d"
"""The first digits of the SHA-256 of torch-fidelity's weights, which are converted from those that define FID."""

BATCH_SIZE: Final = 50
"""The number of images in a forward pass. It is small because each image is enlarged to 299x299."""

MISSING_TORCH_FIDELITY: Final = "requires torch-fidelity; install the extra `inception`: pip install 'digitgan[inception]'"


@final
@dataclass(frozen=True)
class InceptionMetrics:
    """The metrics on Inception features, each with its real baseline.

    Attributes:
        weights_sha256: the SHA-256 of the weights file.
        published: whether the weights are those used in papers.
        images: the number of generated images.
        real_images: the number of real images that they are compared with.
        frechet_distance: FID.
        frechet_baseline: the real baseline of FID.
        kernel_distance: KID.
        kernel_baseline: the real baseline of KID.
    """

    weights_sha256: str
    published: bool
    images: int
    real_images: int
    frechet_distance: float
    frechet_baseline: float
    kernel_distance: float
    kernel_baseline: float


@final
class Inception:
    """The Inception v3 network of 2015 that defines FID.

    Args:
        weights: the weights file that torch-fidelity publishes: `weights-inception-2015-12-05-6726825d.pth`.

    Raises:
        UsageError: if the file is missing or does not contain these weights, or if torch-fidelity is not installed.
    """

    def __init__(self, weights: Path) -> None:
        state = _weights(weights)
        self.sha256 = file_hash(weights)
        self.network = _network(state, weights)

    @torch.inference_mode()
    def features(self, images: Picture) -> npt.NDArray[np.float32]:
        """Return the features (n, WIDTH) of uint8 images (n, height, width[, channels])."""
        pixels = shared_tensor(images).reshape(len(images), *images.shape[1:3], -1).permute(0, 3, 1, 2)
        found = [self.network(part.expand(-1, 3, -1, -1).contiguous())[0] for part in torch.split(pixels, BATCH_SIZE)]
        features: npt.NDArray[np.float32] = torch.cat(found).float().numpy()
        return features


def check_inception(source: EvaluationSource, training: ImageSet, held_out: ImageSet) -> None:
    """Raise an error for too few images for a covariance of Inception features of full rank.

    Raises:
        UsageError: if any of the three sets has fewer than `MIN_INCEPTION_IMAGES` images.
    """
    fewest = min(source.count, len(training), len(held_out))
    if fewest < MIN_INCEPTION_IMAGES:
        raise UsageError(
            f"--inception: {fewest:,} images; use at least {MIN_INCEPTION_IMAGES:,} generated, training and held-out images "
            "each"
        )


def measure_inception(weights: Inception, found: Evaluation, real: ReferenceStatistics, notify: ProgressFn) -> InceptionMetrics:
    """Compute FID and KID for the samples of an evaluation.

    One core processes about twenty images a second.

    Args:
        weights: the Inception network.
        found: the evaluation, with as many images as `check_inception` requires.
        real: its reference statistics.
        notify: a function that receives progress messages.
    """
    compared, baseline = (real.held_out, real.training) if found.reference == "test" else (real.training, real.held_out)
    sets = {found.source.name: found.images.images, "the real images": compared.images, "other real images": baseline.images}
    features = []
    for name, images in sets.items():
        notify(f"computing Inception features of {len(images):,} images ({name}) …")
        features.append(weights.features(images))
    # Images are often sorted by class. The kernel distance needs blocks distributed like the whole set, hence the permutation.
    drawn, reference, other = (some[rng.permutation(0, "kernel blocks", 0, len(some))] for some in features)
    moments = [FeatureMoments.of(some) for some in features]
    return InceptionMetrics(
        weights_sha256=weights.sha256,
        published=weights.sha256.startswith(PUBLISHED),
        images=len(drawn),
        real_images=len(reference),
        frechet_distance=frechet_distance(moments[0], moments[1]),
        frechet_baseline=frechet_distance(moments[2], moments[1]),
        kernel_distance=kernel_distance(drawn, reference).value,
        kernel_baseline=kernel_distance(other, reference).value,
    )


def _weights(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about a pickle of another kind before it raises
            # weights_only rejects anything but tensors in a dictionary, so that no code in the file is run.
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise UsageError(
            f"--inception {path}: no such file; download weights-inception-2015-12-05-{PUBLISHED}.pth from torch-fidelity"
        ) from problem
    except Exception as problem:  # torch raises errors of many types for a file that is something else
        raise UsageError(
            f"--inception {path}: not a weights file; use weights-inception-2015-12-05-{PUBLISHED}.pth"
        ) from problem
    return state


def _network(state: dict[str, Any], path: Path) -> FeatureExtractorInceptionV3:
    try:
        from torch_fidelity import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as problem:  # RuntimeError: torchvision does not match this torch
        raise UsageError(f"--inception {MISSING_TORCH_FIDELITY} ({problem})") from problem
    # The constructor unpickles its file without checks, so it receives a copy of the safely read weights.
    safe = io.BytesIO()
    torch.save(state, safe)
    safe.seek(0)
    try:
        return FeatureExtractorInceptionV3("inception", [str(WIDTH)], feature_extractor_weights_path=safe)
    except (RuntimeError, AttributeError, TypeError) as problem:
        raise UsageError(
            f"--inception {path}: not torch-fidelity's Inception weights; use weights-inception-2015-12-05-{PUBLISHED}.pth"
        ) from problem
