"""Tests of a step of the trainer: its updates, gradients and inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from digitgan.data import Batch, Batches, ImageSet
from digitgan.errors import RecipeError
from digitgan.images import to_network
from digitgan.networks import DiscriminatorOutput, ImageSpec
from digitgan.recipes import Recipe, with_settings
from digitgan.training import NoiseSource, StepReport, Trainer
from digitgan.training.losses import LOSSES

DRAWS = NoiseSource(0, 8, 10, 16, torch.device("cpu"))


@pytest.fixture
def batches(digits: ImageSet) -> Batches:
    return Batches(digits, 16, seed=0)


def make_step(trainer: Trainer, batches: Batches) -> StepReport:
    return trainer.step(batches.at(trainer.images_seen), DRAWS.at(trainer.images_seen))


def copies(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def unchanged(network: nn.Module, before: dict[str, Tensor]) -> list[str]:
    """Return the names of unchanged weights and statistics."""
    return [name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])]


class Calls:
    """The calls of a network: inputs (images or latents, labels) and outputs."""

    def __init__(self, network: nn.Module) -> None:
        self.inputs: list[tuple[Tensor, Tensor]] = []
        self.outputs: list[Tensor] = []
        network.register_forward_hook(self._note)

    def _note(self, _network: nn.Module, inputs: tuple[Tensor, Tensor], output: Tensor | DiscriminatorOutput) -> None:
        self.inputs.append((inputs[0].detach().clone(), inputs[1].clone()))
        self.outputs.append((output.logits if isinstance(output, DiscriminatorOutput) else output).detach().clone())


def test_a_step_changes_both_networks_and_the_average(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("loss.name=relativistic")
    networks = (trainer.generator, trainer.discriminator, trainer.ema.generator)
    before = [copies(network) for network in networks]
    make_step(trainer, batches)
    generator, discriminator, average = (unchanged(network, state) for network, state in zip(networks, before, strict=True))
    assert generator == []
    assert average == [name for name in before[2] if name.endswith("num_batches_tracked")]
    # The relativistic loss does not depend on the bias of the score: its gradient is zero, up to rounding.
    assert set(discriminator) <= {"score.linear.bias"}


def test_a_step_counts_the_real_images_it_saw(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer()
    assert (trainer.images_seen, trainer.steps_done) == (0, 0)
    assert make_step(trainer, batches).images_seen == 16
    assert make_step(trainer, batches).images_seen == 32
    assert (trainer.images_seen, trainer.steps_done) == (32, 2)


def test_a_trainer_is_a_function_of_its_seed(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    first, again, other = (new_trainer(seed=seed) for seed in (1, 1, 2))
    for trainer in (first, again, other):
        make_step(trainer, batches)
    assert len(unchanged(again.generator, copies(first.generator))) == len(first.generator.state_dict())
    assert "dense.weight" not in unchanged(other.generator, copies(first.generator))


def test_the_fakes_carry_the_labels_of_the_real_images(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("penalty.name=none")
    generator, discriminator = Calls(trainer.generator), Calls(trainer.discriminator)
    batch = batches.at(0)
    trainer.step(batch, DRAWS.at(0))
    ((z, labels),) = generator.inputs
    assert torch.equal(z, DRAWS.at(0).z)
    assert torch.equal(labels, batch.labels)
    for images, asked in discriminator.inputs:
        assert torch.equal(asked, batch.labels.repeat(len(images) // 16))


def test_the_discriminator_sees_real_then_fake_and_the_generator_is_scored_afterwards(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    trainer = new_trainer("penalty.name=none")
    generator, discriminator = Calls(trainer.generator), Calls(trainer.discriminator)
    batch = batches.at(0)
    report = trainer.step(batch, DRAWS.at(0))
    real, (fake,) = to_network(batch.images), generator.outputs
    shown = [images for images, _ in discriminator.inputs]
    assert [len(images) for images in shown] == [32, 16, 16]
    assert torch.equal(shown[0], torch.cat([real, fake]))
    assert torch.equal(shown[1], real)
    assert torch.equal(shown[2], fake)
    scores, real_after, fake_after = discriminator.outputs
    loss = LOSSES[trainer.recipe.loss.name]
    torch.testing.assert_close(report.terms["discriminator_loss"], loss.discriminator(scores[:16], scores[16:]))
    torch.testing.assert_close(report.terms["generator_loss"], loss.generator(real_after, fake_after))
    torch.testing.assert_close(report.terms["score_real"], scores[:16].mean())
    torch.testing.assert_close(report.terms["score_fake"], scores[16:].mean())
    assert not torch.equal(fake_after, scores[16:]), "the discriminator is updated in between"


@pytest.mark.parametrize("loss", LOSSES)
def test_the_generators_update_gives_the_discriminators_weights_no_gradient(
    new_trainer: Callable[..., Trainer], batches: Batches, loss: str
) -> None:
    trainer = new_trainer(f"loss.name={loss}")
    gradients: list[list[Tensor]] = []

    def note(*_: object) -> None:
        gradients.append([weight.grad.clone() for weight in trainer.discriminator.parameters() if weight.grad is not None])

    trainer.discriminator_optimizer.register_step_post_hook(note)
    trainer.generator_optimizer.register_step_post_hook(note)
    make_step(trainer, batches)
    of_its_own, after_the_generators = gradients
    assert len(of_its_own) == len(list(trainer.discriminator.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(of_its_own, after_the_generators, strict=True))
    assert all(weight.requires_grad for weight in trainer.discriminator.parameters()), "the discriminator stays trainable"


def test_the_discriminators_update_gives_the_generator_no_gradient(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    trainer = new_trainer()
    found: list[bool] = []
    trainer.discriminator_optimizer.register_step_post_hook(
        lambda *_: found.append(any(weight.grad is not None for weight in trainer.generator.parameters()))
    )
    make_step(trainer, batches)
    assert found == [False]


def test_the_penalty_is_applied_at_its_interval_only(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("penalty.interval=3")
    assert ["penalty" in make_step(trainer, batches).terms for _ in range(7)] == [True, False, False, True, False, False, True]


def test_without_a_penalty_none_is_reported(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("penalty.name=none", "penalty.interval=1")
    assert all("penalty" not in make_step(trainer, batches).terms for _ in range(2))


def test_the_penalty_weighs_gamma_times_its_interval(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    """Test the gradient of loss plus weighted penalty by the first moment of Adam, which is the gradient if beta1 = 0."""

    def gradient(*settings: str) -> Tensor:
        trainer = new_trainer("optimizer.beta1=0.0", *settings)
        make_step(trainer, batches)
        weight = trainer.discriminator.get_parameter("dense.weight")
        moment: Tensor = trainer.discriminator_optimizer.state[weight]["exp_avg"]
        return moment

    none = gradient("penalty.name=none")
    one = gradient("penalty.gamma=1.0", "penalty.interval=1") - none
    eight = gradient("penalty.gamma=0.5", "penalty.interval=16") - none
    assert one.abs().max() > 0
    torch.testing.assert_close(eight, 8 * one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_term_is_a_finite_number(
    new_trainer: Callable[..., Trainer], batches: Batches, loss: str, precision: str
) -> None:
    trainer = new_trainer(f"loss.name={loss}", f"training.precision={precision}", "penalty.interval=1")
    for _ in range(3):
        terms = make_step(trainer, batches).terms
        names = {"discriminator_loss", "generator_loss", "penalty"}
        assert terms.keys() == names | {"score_real", "score_fake", "accuracy_real", "accuracy_fake"}
        assert all(value.shape == () and not value.requires_grad and torch.isfinite(value) for value in terms.values())


def test_weights_stay_float32_in_bfloat16(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("training.precision=bfloat16")
    make_step(trainer, batches)
    for network in (trainer.generator, trainer.discriminator, trainer.ema.generator):
        assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_both_learning_rates_follow_the_course_of_the_run(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(
        "optimizer.generator_learning_rate=0.002",
        "optimizer.discriminator_learning_rate=0.004",
        "optimizer.decay=linear",
        "optimizer.decay_share=0.5",
    )
    rates = []
    for _ in range(10):
        make_step(trainer, batches)
        rates.append(
            tuple(each.param_groups[0]["lr"] for each in (trainer.generator_optimizer, trainer.discriminator_optimizer))
        )
    scales = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]  # at 0, 16, … 144 of 160 images
    assert [rate for rate, _ in rates] == pytest.approx([0.002 * scale for scale in scales])
    assert [rate for _, rate in rates] == pytest.approx([0.004 * scale for scale in scales])


def test_the_discriminator_learns_to_tell_real_from_fake(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    """Test a discriminator against a fixed generator."""
    trainer = new_trainer("optimizer.generator_learning_rate=0.0", "optimizer.discriminator_learning_rate=0.005")
    reports = [make_step(trainer, batches) for _ in range(30)]
    margins = [float(report.terms["score_real"] - report.terms["score_fake"]) for report in reports]
    assert sum(margins[-5:]) / 5 > sum(margins[:5]) / 5 + 1


def test_pixels_reach_the_networks_in_their_range(new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer("penalty.name=none")
    discriminator = Calls(trainer.discriminator)
    images = torch.zeros(16, 1, 28, 28, dtype=torch.uint8)
    images[8:] = 255
    trainer.step(Batch(images, torch.arange(16) % 10), DRAWS.at(0))
    real = discriminator.inputs[1][0]
    assert (real[:8] == -1).all()
    assert (real[8:] == 1).all()


@pytest.mark.parametrize("setting", ["loss.name=relativistc", "penalty.name=r9", "generator.family=convolutionl"])
def test_a_recipe_with_an_unknown_part_makes_no_trainer(new_trainer: Callable[..., Trainer], setting: str) -> None:
    with pytest.raises(RecipeError, match=setting.split("=")[0]):
        new_trainer(setting)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: python -m pytest -m gpu")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("settings", [[], ["updates.microbatches=2"], ["updates.order=simultaneous"]])
def test_on_a_gpu_no_step_makes_the_host_wait(small_recipe: Recipe, digits: ImageSet, settings: list[str]) -> None:
    device = torch.device("cuda")
    trainer = Trainer(with_settings(small_recipe, settings), ImageSpec(1, 28, 28, 10), 0, device)
    size = trainer.recipe.training.batch_size
    batches = Batches(digits, size, seed=0, device=device)
    noise_source = NoiseSource(0, trainer.recipe.generator.latent, 10, size, device, trainer.recipe.updates)
    for step in range(4):
        torch.cuda.set_sync_debug_mode("error" if step else "default")  # the first step compiles kernels
        trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    torch.cuda.set_sync_debug_mode("default")


def test_a_trainer_begins_anew_for_another_image_size(new_trainer: Callable[..., Trainer], digits: ImageSet) -> None:
    trainer = new_trainer()
    small = ImageSet(digits.images[:, 6:22, 6:22], digits.labels, digits.class_names, "small digits")
    trainer.begin(ImageSpec(1, 16, 16, 10))
    size = trainer.recipe.training.batch_size
    noise_source = NoiseSource(0, trainer.generator.latent, 10, size, trainer.device, trainer.recipe.updates)
    batches = Batches(small, size, seed=0)
    report = trainer.step(batches.at(0), noise_source.at(0))
    assert trainer.images_seen == size
    assert all(torch.isfinite(value) for value in report.terms.values())
    generator = trainer.ema.drawn_from(noise_source.calibration_batches())
    assert generator(torch.zeros(3, generator.latent), torch.arange(3)).shape == (3, 1, 16, 16)
