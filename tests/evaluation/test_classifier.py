"""Tests of the feature classifier: training, accuracy, and its file."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import digitgan
from digitgan.data import ImageSet, sklearn_digits
from digitgan.errors import ModelFileError, OutputError
from digitgan.evaluation import (
    FeatureClassifier,
    class_accuracy,
    classify_images,
    load_classifier,
    predicted_labels,
    save_classifier,
    train_classifier,
)
from digitgan.evaluation.classifier import LOOKALIKES, SHIPPED, shipped_for
from digitgan.evaluation.classifier_networks import folded, set_whitening
from digitgan.model.file import Model, save_model, tensors_sha256
from digitgan.networks import ImageSpec

FORM = ImageSpec(channels=1, height=16, width=16, classes=10)


def smaller(digits: ImageSet) -> ImageSet:
    """Return the digits in 16×16 instead of 28×28, to save time."""
    quarters = digits.images[:, 2:26, 2:26].reshape(-1, 12, 2, 12, 2).mean(axis=(2, 4))
    images = np.pad(quarters.round().astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    return ImageSet(images, digits.labels, digits.class_names, digits.name)


@pytest.fixture(scope="module")
def classifier(digits: ImageSet) -> FeatureClassifier:
    """A classifier of the small digits, trained for a few seconds."""
    return train_classifier(smaller(digits), seed=0, epochs=4)


@pytest.fixture(scope="module")
def unseen() -> ImageSet:
    return smaller(sklearn_digits("test"))


def test_a_few_seconds_of_training_read_most_digits_never_seen(classifier: FeatureClassifier, unseen: ImageSet) -> None:
    assert class_accuracy(classifier, unseen.images, unseen.labels) > 0.8


def test_accuracy_is_the_share_of_right_labels(classifier: FeatureClassifier, unseen: ImageSet) -> None:
    found = predicted_labels(classifier, unseen.images)
    assert class_accuracy(classifier, unseen.images, found) == 1
    assert class_accuracy(classifier, unseen.images, (found + 1) % 10) == 0
    half = np.where(np.arange(len(found)) % 3 == 0, found, (found + 1) % 10)
    assert class_accuracy(classifier, unseen.images, half) == pytest.approx(99 / 297)


def test_images_beyond_a_chunk_are_classified_in_order(classifier: FeatureClassifier, unseen: ImageSet) -> None:
    many = np.concatenate([unseen.images] * 4)
    assert len(many) > 1000
    np.testing.assert_array_equal(predicted_labels(classifier, many), np.tile(predicted_labels(classifier, unseen.images), 4))


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_a_classifier_is_a_function_of_its_seed(digits: ImageSet, seed: int, same: bool) -> None:
    few = smaller(ImageSet(digits.images[:256], digits.labels[:256], digits.class_names, "few"))
    state = train_classifier(few, seed=0, epochs=1).state_dict()
    again = train_classifier(few, seed=seed, epochs=1).state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state) == same


def test_training_leaves_the_global_random_state_alone(digits: ImageSet) -> None:
    before = torch.get_rng_state()
    train_classifier(ImageSet(smaller(digits).images[:40], digits.labels[:40], digits.class_names, "few"), epochs=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_set_smaller_than_a_batch_is_learned_from_too() -> None:
    tiny = ImageSet(np.zeros((3, 16, 16), dtype=np.uint8), np.arange(3), ("a", "b", "c"), "tiny")
    assert predicted_labels(train_classifier(tiny, epochs=1), tiny.images).shape == (3,)


def test_colours_are_told_apart() -> None:
    """Red and blue images are equally bright, so that only the order of the channels distinguishes them."""
    labels = np.arange(256) % 2
    images = np.zeros((256, 8, 8, 3), dtype=np.uint8)
    images[labels == 0, ..., 0] = images[labels == 1, ..., 2] = 255
    classifier = train_classifier(ImageSet(images, labels, ("red", "blue"), "colours"), epochs=15)
    assert class_accuracy(classifier, images, labels) == 1


def test_a_saved_classifier_is_read_back_exactly(tmp_path: Path, classifier: FeatureClassifier, unseen: ImageSet) -> None:
    save_classifier(tmp_path / "deep" / "judge.safetensors", classifier)
    loaded = load_classifier(tmp_path / "deep" / "judge.safetensors")
    assert loaded.spec == FORM
    assert not loaded.training
    expected, state = classifier.state_dict(), loaded.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert all(state[name].stride() == expected[name].stride() for name in expected), "the memory layout, which affects speed"
    np.testing.assert_array_equal(predicted_labels(loaded, unseen.images), predicted_labels(classifier, unseen.images))


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/judge\.safetensors"):
        save_classifier(tmp_path / "file" / "judge.safetensors", FeatureClassifier(FORM))


def a_text(path: Path) -> None:
    path.write_text("guilty\n" * 100)


def an_empty_file(path: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    """Leave the file missing."""


def foreign_weights(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def weights_of_another_shape(path: Path) -> None:
    spec = {"channels": "1", "height": "16", "width": "16", "classes": "7"}
    save_file({name: tensor.contiguous() for name, tensor in FeatureClassifier(FORM).state_dict().items()}, path, metadata=spec)


def a_truncated_classifier(path: Path) -> None:
    save_classifier(path, FeatureClassifier(FORM))
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    "make", [a_text, an_empty_file, a_folder, nothing, foreign_weights, weights_of_another_shape, a_truncated_classifier]
)
def test_files_that_are_not_a_classifier_are_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "judge.safetensors")
    with pytest.raises(ModelFileError, match=r"judge\.safetensors"):
        load_classifier(tmp_path / "judge.safetensors")


def test_a_model_is_not_a_classifier(tmp_path: Path, small_model: Model) -> None:
    save_model(tmp_path / "model.safetensors", small_model)
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        load_classifier(tmp_path / "model.safetensors")


def test_a_folded_classifier_predicts_the_same(classifier: FeatureClassifier, digits: ImageSet) -> None:
    before = classifier.state_dict()
    faster = folded(classifier)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in faster.features)
    images = smaller(digits).images[:300]
    for folded_array, array in zip(classify_images(faster, images), classify_images(classifier, images), strict=True):
        np.testing.assert_allclose(folded_array, array, atol=1e-4)
    assert classifier.state_dict().keys() == before.keys(), "the original classifier is unchanged"


# --- colour and larger images -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "network"),
    [
        (ImageSpec(1, 28, 28, 10), "small"),
        (ImageSpec(1, 32, 32, 10), "small"),
        (ImageSpec(1, 33, 28, 10), "residual"),
        (ImageSpec(3, 8, 8, 2), "residual"),
        (ImageSpec(3, 8, 128, 2), "residual"),
        (ImageSpec(3, 17, 30, 2), "residual"),
        (ImageSpec(3, 32, 32, 10), "residual"),
        (ImageSpec(3, 128, 96, 100), "residual"),
    ],
)
def test_colour_and_larger_images_have_the_residual_network(spec: ImageSpec, network: str) -> None:
    classifier = FeatureClassifier(spec).eval()
    assert classifier.network == network
    images = torch.randn(2, spec.channels, spec.height, spec.width)
    assert classifier.features(images).shape == (2, 128)
    assert classifier(images).shape == (2, spec.classes)
    torch.testing.assert_close(folded(classifier).features(images), classifier.features(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [64, 128])
def test_larger_images_cost_little_more_than_those_of_32_pixels(side: int) -> None:
    def operations(side: int) -> int:
        with FlopCounterMode(display=False) as counter:
            FeatureClassifier(ImageSpec(3, side, side, 10)).eval()(torch.zeros(1, 3, side, side))
        return counter.get_total_flops()

    assert operations(side) < 2 * operations(32)


@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_the_first_layer_decorrelates_the_patches_of_the_training_images(side: int) -> None:
    """The images are sums of smooth waves, whose pixels depend on each other."""
    numbers = np.random.default_rng(0)
    waves = np.cumsum(numbers.standard_normal((50, 3, side, side)), axis=3)
    images = torch.from_numpy(waves / np.abs(waves).max()).float()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        classifier = FeatureClassifier(ImageSpec(3, side, side, 10))
    set_whitening(classifier, images)
    convolution = classifier.features[0]
    assert isinstance(convolution, nn.Conv2d)
    assert not convolution.weight.requires_grad
    inner = nn.functional.conv2d(images, convolution.weight, stride=convolution.stride).permute(0, 2, 3, 1).flatten(0, 2)
    positive, negative = inner.chunk(2, dim=1)
    torch.testing.assert_close(positive, -negative)
    correlations = np.corrcoef(positive.numpy().T)
    np.testing.assert_allclose(correlations, np.eye(len(correlations)), atol=0.01)
    assert 0.5 < positive[:, 0].std() < 1.01


def test_the_shipped_classifier_of_mnist_stays_the_same() -> None:
    """Metrics are comparable only if the weights are."""
    path = Path(digitgan.__file__).parent / "pretrained" / "classifiers" / "mnist.safetensors"
    loaded = load_classifier(path)
    assert loaded.network == "small"
    assert tensors_sha256(loaded.state_dict()) == "7d27d6319548c3a356ddb0c1a2c8a1bbba64a45d7042879e1bff9ce34ab6392c"


@pytest.fixture(scope="module")
def coloured() -> ImageSet:
    """Images of two classes, which differ by the colour of a square, as images of 16×16 pixels."""
    numbers = np.random.default_rng(1)
    labels = np.arange(512) % 2
    images = numbers.integers(0, 256, (512, 16, 16, 3))
    images[:, 4:12, 4:12] = np.where(labels[:, None] == 0, [200, 40, 40], [40, 40, 200])[:, None, None]
    return ImageSet(images.astype(np.uint8), labels, ("red", "blue"), "squares")


def test_a_residual_classifier_is_read_back_exactly_from_a_small_file(tmp_path: Path, coloured: ImageSet) -> None:
    made = train_classifier(coloured, epochs=12)
    assert class_accuracy(made, coloured.images, coloured.labels) > 0.95
    path = tmp_path / "colours.safetensors"
    save_classifier(path, made)
    assert path.stat().st_size < 2_000_000
    loaded = load_classifier(path)
    assert loaded.network == "residual"
    expected, state = made.state_dict(), loaded.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("height", "width"), [(8, 160), (256, 8), (16, 512), (9, 40)])
def test_elongated_images_are_classified(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, height, width, 3), dtype=np.uint8)
    images = ImageSet(pixels, np.arange(6) % 2, ("a", "b"), "strips")
    assert predicted_labels(train_classifier(images, epochs=2), images.images).shape == (6,)


def test_a_long_training_reports_its_progress(coloured: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitgan.data.progress.SECONDS_BETWEEN_REPORTS", 0.0)
    said: list[str] = []
    train_classifier(coloured, epochs=2, notify=said.append)
    assert len(said) == 4
    assert all("squares" in line and "1,024" in line for line in said)
    assert re.search(r"\b0 s left", said[-1])


def lookalike(side: int = 32, level: int = 0, per_class: int = 5000, reverse: bool = False) -> ImageSet:
    """Return images of one colour in the classes of CIFAR-10, whose channels have its means."""
    (known,) = LOOKALIKES
    labels = np.repeat(np.arange(10), per_class)
    images = np.empty((len(labels), side, side, 3), dtype=np.uint8)
    images[:] = np.rint(known.means).astype(np.uint8) + level
    return ImageSet(images, labels, tuple(known.counts)[:: -1 if reverse else 1], "plain_text (train)")


def test_a_copy_of_a_data_set_has_its_shipped_classifier() -> None:
    assert shipped_for(lookalike()) == "cifar10.safetensors"
    assert shipped_for(lookalike(level=1)) is None, "other pixels"
    assert shipped_for(lookalike(per_class=4999)) is None, "other counts"
    assert shipped_for(lookalike(reverse=True)) is None, "another order of the classes"
    assert shipped_for(lookalike(side=64)) is None, "another size"


def test_every_shipped_classifier_is_there_and_small() -> None:
    folder = importlib.resources.files("digitgan") / "pretrained" / "classifiers"
    for file in {*SHIPPED.values(), *(known.file for known in LOOKALIKES)}:
        with importlib.resources.as_file(folder / file) as path:
            assert path.stat().st_size < 2_000_000
            assert load_classifier(path).spec.classes == 10
