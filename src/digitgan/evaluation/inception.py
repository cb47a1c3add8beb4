"""Inception's features, by which papers quote their FID and KID: for those who have the weights on disk."""

from __future__ import annotations

import io
import pickle
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
from digitgan.images import Picture

if TYPE_CHECKING:
    from torch_fidelity import FeatureExtractorInceptionV3

WIDTH: Final = 2048
"""Of Inception's last pooled layer, which FID is defined by (Heusel et al. 2017)."""

MIN_IMAGES: Final = WIDTH + 1
"""Images that a covariance of full rank needs; papers take 10,000 at least."""

PUBLISHED: Final = "6726825d"
"""How the SHA-256 of the weights begins that torch-fidelity publishes, converted from those that FID was defined by."""

BATCH_SIZE: Final = 50
"""Images that go through Inception together: each is enlarged to 299x299."""

MISSING: Final = "needs torch-fidelity, which comes with the extra `inception`: pip install 'digitgan[inception]'"


@final
@dataclass(frozen=True)
class InceptionMetrics:
    """What Inception's features say; each distance beside its floor, what other real images come to.

    Attributes:
        weights_sha256: of the file of weights.
        published: whether those are the weights that papers' figures are by.
        images: drawn ones that were compared.
        real_images: those they were compared with.
        frechet_distance: FID.
        frechet_baseline: of real images.
        kernel_distance: KID.
        kernel_baseline: of real images.
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
    """Inception v3 as it was when FID was defined by it.

    Args:
        weights: a file of its weights, as torch-fidelity publishes them: `weights-inception-2015-12-05-6726825d.pth`.

    Raises:
        UsageError: if it is missing, or holds anything else; or if torch-fidelity is not installed.
    """

    def __init__(self, weights: Path) -> None:
        state = _weights(weights)
        self.sha256 = file_hash(weights)
        self.network = _network(state, weights)

    @torch.inference_mode()
    def features(self, images: Picture) -> npt.NDArray[np.float32]:
        """(n, WIDTH) of uint8 images (n, height, width[, channels])."""
        pixels = torch.from_numpy(images).reshape(len(images), *images.shape[1:3], -1).permute(0, 3, 1, 2)
        found = [self.network(part.expand(-1, 3, -1, -1).contiguous())[0] for part in torch.split(pixels, BATCH_SIZE)]
        features: npt.NDArray[np.float32] = torch.cat(found).float().numpy()
        return features


def check_inception(source: EvaluationSource, training: ImageSet, held_out: ImageSet) -> None:
    """Refuse fewer images than a covariance of Inception's features needs.

    Raises:
        UsageError: for them.
    """
    fewest = min(source.count, len(training), len(held_out))
    if fewest < MIN_IMAGES:
        raise UsageError(f"--inception: {fewest:,} images; its {WIDTH:,} features need {MIN_IMAGES:,} at least on each side")


def measure_inception(weights: Inception, found: Evaluation, real: ReferenceStatistics, notify: ProgressFn) -> InceptionMetrics:
    """Compare the samples of an evaluation by Inception's features.

    Args:
        weights: see `Inception`.
        found: the evaluation, of as many images as `check_inception` asks for.
        real: its real side.
        notify: is told what is being looked at: a core sees about twenty images a second.
    """
    compared, baseline = (real.held_out, real.training) if found.reference == "test" else (real.training, real.held_out)
    sets = {found.source.name: found.images.images, "the real images": compared.images, "other real images": baseline.images}
    features = []
    for name, images in sets.items():
        notify(f"Inception looks at {len(images):,} images of {name} …")
        features.append(weights.features(images))
    # The kernel distance is of blocks, which are to be like the whole: images often come class by class.
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
            warnings.simplefilter("ignore")  # torch wonders aloud at a pickle of another kind before it refuses it
            # weights_only: what is not a tensor in a dictionary is refused, and nothing in the file is run.
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise UsageError(
            f"--inception {path}: no such file; torch-fidelity publishes it as weights-inception-2015-12-05-{PUBLISHED}.pth"
        ) from problem
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as problem:
        raise UsageError(f"--inception {path}: not a file of weights") from problem
    return state


def _network(state: dict[str, Any], path: Path) -> FeatureExtractorInceptionV3:
    try:
        from torch_fidelity import FeatureExtractorInceptionV3
    except (ImportError, RuntimeError) as problem:  # RuntimeError: a torchvision that doesn't fit this torch
        raise UsageError(f"--inception {MISSING} ({problem})") from problem
    # It unpickles whatever it is given, so it is given what was read safely.
    safe = io.BytesIO()
    torch.save(state, safe)
    safe.seek(0)
    try:
        return FeatureExtractorInceptionV3("inception", [str(WIDTH)], feature_extractor_weights_path=safe)
    except (RuntimeError, AttributeError, TypeError) as problem:
        raise UsageError(f"--inception {path}: these are not Inception's weights as torch-fidelity has them") from problem
