"""The projected discriminator: its frozen feature network, its heads, and the pretraining of the features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from digitgan.data import Batches, ImageSet
from digitgan.networks import ImageSpec, build_discriminator, trained_parameters
from digitgan.networks.projected import FeatureNetwork, FeatureNetworkClassifier, ProjectedDiscriminator
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.training import NoiseSource, Trainer
from digitgan.training.checkpoint import trainer_tensors
from digitgan.training.feature_pretraining import MAX_OF_RUN, feature_steps, teach_features

PROJECTED = (
    "discriminator.family=projected",
    "discriminator.width=4",
    "discriminator.head_width=6",
    "discriminator.image_width=3",
    "discriminator.features=5",
    "training.feature_pretraining=40",
    "training.generator_pretraining=0",
)


def recipe(*settings: str) -> Recipe:
    return with_settings(find_recipe("fast"), [*PROJECTED, *settings])


def discriminator_of(spec: ImageSpec, *settings: str) -> ProjectedDiscriminator:
    network = build_discriminator(recipe(*settings), spec)
    assert isinstance(network, ProjectedDiscriminator)
    return network


@pytest.fixture
def colour_images() -> ImageSet:
    """Two classes of 16x16 RGB images that differ by their colour, with noise."""
    numbers = np.random.default_rng(0)
    labels = np.arange(200) % 2
    pixels = numbers.integers(60, 140, (200, 16, 16, 3))
    pixels[:, :, :, 0] += 100 * labels[:, None, None]
    return ImageSet(pixels.astype(np.uint8), labels, ("dark", "red"), "colours")


@pytest.mark.parametrize(
    ("spec", "sides"),
    [
        (ImageSpec(3, 32, 32, 10), [(16, 16), (8, 8), (4, 4)]),
        (ImageSpec(1, 28, 28, 10), [(14, 14), (7, 7), (4, 4)]),
        (ImageSpec(3, 64, 64, 10), [(16, 16), (8, 8), (4, 4)]),
        (ImageSpec(3, 128, 128, 10), [(16, 16), (8, 8), (4, 4)]),
        (ImageSpec(3, 48, 20, 3), [(12, 5), (6, 3), (3, 2)]),
        (ImageSpec(3, 160, 8, 3), [(20, 1), (10, 1), (5, 1), (3, 1)]),
        (ImageSpec(3, 16, 16, 4), [(16, 16), (8, 8), (4, 4)]),
        (ImageSpec(1, 4, 4, 2), [(4, 4)]),
    ],
)
def test_there_is_a_head_for_each_size_of_the_maps(spec: ImageSpec, sides: list[tuple[int, int]]) -> None:
    network = discriminator_of(spec)
    images, labels = torch.randn(5, spec.channels, spec.height, spec.width), torch.arange(5) % spec.classes
    assert [shape[1:] for shape in network.features.shapes] == sides
    assert [tuple(maps.shape[1:]) for maps in network.features(images)] == network.features.shapes
    assert len(network.heads) == len(sides)
    assert network(images, labels).logits.shape == (5,)


def test_the_score_is_the_sum_of_the_heads() -> None:
    network = discriminator_of(ImageSpec(3, 16, 16, 4))
    images, labels = torch.randn(3, 3, 16, 16), torch.arange(3)
    scores = [head(maps, labels) for head, maps in zip(network.heads, network.features(images), strict=True)]
    assert network.image_head is not None
    scores.append(network.image_head(images, labels))
    torch.testing.assert_close(network(images, labels).logits, torch.stack(scores).sum(dim=0))
    assert discriminator_of(ImageSpec(3, 16, 16, 4), "discriminator.image_width=0").image_head is None


@pytest.mark.parametrize("interval", [1, 5])
def test_a_step_computes_the_maps_of_each_image_once_and_again_for_a_penalty(colour_images: ImageSet, interval: int) -> None:
    trainer = projected_trainer(colour_images, 0, f"penalty.interval={interval}", "penalty.name=r1")
    assert isinstance(trainer.discriminator, ProjectedDiscriminator)
    made: list[int] = []
    trainer.discriminator.features.register_forward_hook(lambda _network, inputs, _maps: made.append(len(inputs[0])))
    noise_source = trainer.noise_source()
    for step in range(2):
        trainer.step(Batches(colour_images, 20, 0).at(20 * step), noise_source.at(20 * step))
    assert len(made) == (6 if interval == 1 else 5)
    assert set(made) == {20}


def test_a_step_with_augmentation_computes_the_maps_of_the_augmented_images(colour_images: ImageSet) -> None:
    trainer = projected_trainer(colour_images, 0, "penalty.name=none", "augmentation.name=fixed")
    assert isinstance(trainer.discriminator, ProjectedDiscriminator)
    made: list[int] = []
    trainer.discriminator.features.register_forward_hook(lambda _network, inputs, _maps: made.append(len(inputs[0])))
    trainer.step(Batches(colour_images, 20, 0).at(0), trainer.noise_source().at(0))
    assert made == [20, 20, 20, 20]


def test_only_the_heads_are_trained() -> None:
    network = discriminator_of(ImageSpec(3, 16, 16, 4))
    frozen = sum(weight.numel() for weight in network.features.parameters())
    assert frozen > 0
    assert trained_parameters(network) == sum(weight.numel() for weight in network.parameters()) - frozen
    network(torch.randn(2, 3, 16, 16), torch.arange(2)).logits.sum().backward()
    assert all(weight.grad is None for weight in network.features.parameters())
    assert all(weight.grad is not None for weight in network.heads.parameters())


def test_folding_keeps_the_maps_of_evaluation_mode() -> None:
    network = FeatureNetwork(ImageSpec(3, 20, 12, 4), width=5)
    classifier = FeatureNetworkClassifier(network, classes=4)
    for _ in range(30):
        classifier(3 * torch.randn(16, 3, 20, 12) + 1)  # statistics other than 0 and 1
    images = torch.randn(8, 3, 20, 12)
    before = classifier.eval()(images)
    classifier.fold()
    maps = network(images)[-1]
    torch.testing.assert_close(classifier.logits(maps.mean(dim=(2, 3))), before, rtol=1e-4, atol=1e-4)


def test_the_feature_network_is_patches_then_stages_with_residual_blocks_between_the_first_and_the_last() -> None:
    network = FeatureNetwork(ImageSpec(3, 32, 32, 4), width=5)
    images = torch.randn(8, 3, 32, 32)
    relu, pool = functional.relu, functional.max_pool2d
    first, second, block, last = network.convolutions
    maps = [relu(first(relu(network.whitening(images))))]
    maps.append(relu(second(pool(maps[0], 2))))
    maps[1] = maps[1] + relu(block(maps[1]))
    maps.append(relu(last(pool(maps[1], 2))))
    for found, expected in zip(network(images), maps, strict=True):
        torch.testing.assert_close(found, expected)


def projected_trainer(images: ImageSet, seed: int = 0, *settings: str) -> Trainer:
    spec = ImageSpec(*images.shape, len(images.class_names))
    small = ("generator.channels=[8, 8]", "training.batch_size=20", "training.images=2000", "training.precision=float32")
    return Trainer(recipe(*small, *settings), spec, seed, torch.device("cpu"))


def taught(images: ImageSet, seed: int = 0) -> tuple[Trainer, dict[str, float]]:
    trainer = projected_trainer(images, seed)
    return trainer, teach_features(trainer, 40, images, lambda line: None, lambda: None)


def test_the_features_learn_the_classes_as_a_function_of_the_seed(colour_images: ImageSet) -> None:
    first, found = taught(colour_images)
    again, _ = taught(colour_images)
    other, _ = taught(colour_images, seed=1)
    assert found["steps"] == 40
    assert found["accuracy"] > 0.9
    tensors = [trainer_tensors(trainer) for trainer in (first, again, other)]
    name = "discriminator.features.convolutions.1.weight"
    assert all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])
    assert not torch.equal(tensors[0][name], tensors[2][name])


def test_the_features_stay_as_they_are_during_the_training(colour_images: ImageSet) -> None:
    trainer, _ = taught(colour_images)
    before = {name: tensor.clone() for name, tensor in trainer.discriminator.state_dict().items()}
    batches = Batches(colour_images, 20, 0)
    noise_source = NoiseSource(0, trainer.generator.latent, 2, 20, trainer.device, trainer.recipe.updates)
    for _ in range(3):
        trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    after = trainer.discriminator.state_dict()
    changed = {name.split(".")[0] for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"heads", "image_head"}


def test_the_generator_learns_from_the_class_logits_and_the_classifier_stays_as_it_is(colour_images: ImageSet) -> None:
    def gradient(weight: float) -> torch.Tensor:
        told = ("discriminator.auxiliary_classifier=true", f"loss.classifier_weight={weight}")
        trainer = projected_trainer(colour_images, 0, *told, "optimizer.beta1=0.0")
        found = teach_features(trainer, 40, colour_images, lambda line: None, lambda: None)
        assert found["accuracy"] > 0.9
        discriminator = trainer.discriminator
        assert isinstance(discriminator, ProjectedDiscriminator)
        assert discriminator.classifier is not None
        pictures = torch.from_numpy(colour_images.images).permute(0, 3, 1, 2) / 127.5 - 1
        logits = discriminator(pictures, torch.zeros(len(pictures), dtype=torch.long)).class_logits
        assert logits is not None
        assert (logits.argmax(dim=1).numpy() == colour_images.labels).mean() > 0.9
        before = {name: tensor.clone() for name, tensor in discriminator.classifier.state_dict().items()}
        batches = Batches(colour_images, 20, 0)
        noise_source = NoiseSource(0, trainer.generator.latent, 2, 20, trainer.device, trainer.recipe.updates)
        trainer.step(batches.at(0), noise_source.at(0))
        assert all(torch.equal(tensor, before[name]) for name, tensor in discriminator.classifier.state_dict().items())
        weights = next(trainer.generator.parameters())
        moment: torch.Tensor = trainer.generator_optimizer.state[weights]["exp_avg"]
        return moment

    little, once, twice = gradient(1e-9), gradient(1.0), gradient(2.0)
    assert (once - little).abs().max() > 0
    torch.testing.assert_close(twice - little, 2 * (once - little), rtol=1e-3, atol=1e-7)


def test_a_short_run_has_fewer_steps() -> None:
    assert feature_steps(recipe("training.images=1280", "training.batch_size=128")) == int(MAX_OF_RUN * 10)
    assert feature_steps(recipe("training.images=1000000")) == 40
    assert feature_steps(recipe("training.images=100", "training.batch_size=128")) == 1


def test_a_stop_is_heard_between_steps(colour_images: ImageSet) -> None:
    class StopError(Exception):
        pass

    def check(steps: list[int]) -> Callable[[], None]:
        def stop() -> None:
            steps.append(1)
            if len(steps) == 3:
                raise StopError

        return stop

    steps: list[int] = []
    with pytest.raises(StopError):
        teach_features(projected_trainer(colour_images), 40, colour_images, lambda line: None, check(steps))
    assert len(steps) == 3
