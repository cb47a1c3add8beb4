"""Tests of the objective: the order of updates, and the auxiliary terms."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from digitgan.data import Batches, ImageSet
from digitgan.networks import DiscriminatorOutput, ImageSpec
from digitgan.recipes import RECIPES, with_settings
from digitgan.training import NoiseSource, StepReport, Trainer
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES

CONDITIONAL = ("loss.name=non-saturating", "penalty.name=none")


@pytest.fixture
def batches(digits: ImageSet) -> Batches:
    return Batches(digits, 16, seed=0)


def draws_of(trainer: Trainer) -> NoiseSource:
    size = trainer.recipe.training.batch_size
    return NoiseSource(0, trainer.generator.latent, 10, size, torch.device("cpu"), trainer.recipe.updates)


def make_step(trainer: Trainer, batches: Batches) -> StepReport:
    return trainer.step(batches.at(trainer.images_seen), draws_of(trainer).at(trainer.images_seen))


def copies(network: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def moved(network: nn.Module, before: list[Tensor]) -> bool:
    return any(not torch.equal(weight, old) for weight, old in zip(network.parameters(), before, strict=True))


class Seen:
    """The inputs and the outputs of a discriminator."""

    def __init__(self, trainer: Trainer) -> None:
        self.images: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.scores: list[Tensor] = []
        trainer.discriminator.register_forward_hook(self._note)

    def _note(self, _network: nn.Module, inputs: tuple[Tensor, Tensor], output: DiscriminatorOutput) -> None:
        self.images.append(inputs[0].detach().clone())
        self.labels.append(inputs[1].clone())
        self.scores.append(output.logits.detach().clone())


def test_simultaneous_takes_both_gradients_from_one_pass(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(*CONDITIONAL, "updates.order=simultaneous")
    made: list[int] = []
    trainer.generator.register_forward_hook(lambda *_: made.append(1))
    seen = Seen(trainer)
    before = copies(trainer.generator), copies(trainer.discriminator)
    report = make_step(trainer, batches)
    assert len(made) == len(seen.images) == 1
    assert moved(trainer.generator, before[0])
    assert moved(trainer.discriminator, before[1])
    fake = seen.scores[0][16:]
    torch.testing.assert_close(report.terms["generator_loss"], LOSSES["non-saturating"].generator(fake[:0], fake))


def test_simultaneous_gradients_are_those_of_each_objective_alone(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    """Test the gradients by the first moment of Adam, which is the last gradient if beta1 = 0."""
    settings = (*CONDITIONAL, "optimizer.beta1=0.0")
    together, in_turn = new_trainer(*settings, "updates.order=simultaneous"), new_trainer(*settings)
    for trainer in (together, in_turn):
        make_step(trainer, batches)
    weight, other = (trainer.discriminator.get_parameter("dense.weight") for trainer in (together, in_turn))
    torch.testing.assert_close(
        together.discriminator_optimizer.state[weight]["exp_avg"], in_turn.discriminator_optimizer.state[other]["exp_avg"]
    )
    assert moved(together.generator, copies(in_turn.generator)), "in turn, the discriminator is updated first"


def test_fresh_fakes_are_others_and_as_many_as_asked_for(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(*CONDITIONAL, "updates.fakes=fresh", "updates.generator_batch=24")
    seen = Seen(trainer)
    make_step(trainer, batches)
    for_discriminator, for_generator = seen.images
    assert (len(for_discriminator), len(for_generator)) == (32, 24)
    assert not torch.equal(for_discriminator[16:], for_generator[:16])


def test_the_generators_own_latents_never_repeat(new_trainer: Callable[..., Trainer]) -> None:
    noise_source = draws_of(new_trainer(*CONDITIONAL, "updates.fakes=fresh", "updates.generator_batch=24"))
    first, second = (noise_source.at(seen).generator_z for seen in (0, 16))
    assert first is not None
    assert second is not None
    rows = torch.cat([first, second])
    assert len(torch.unique(rows, dim=0)) == 48


def test_separate_batches_pass_the_discriminator_one_after_the_other(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    trainer = new_trainer(*CONDITIONAL, "updates.batches=separate")
    seen = Seen(trainer)
    make_step(trainer, batches)
    assert [len(images) for images in seen.images] == [16, 16, 16]


def test_uniform_labels_are_not_those_of_the_batch(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(*CONDITIONAL, "updates.fake_labels=uniform")
    seen = Seen(trainer)
    make_step(trainer, batches)
    labels = batches.at(0).labels
    assert torch.equal(seen.labels[0][:16], labels)
    assert not torch.equal(seen.labels[0][16:], labels)
    assert torch.equal(seen.labels[0][16:], seen.labels[1])
    many = torch.cat([draws_of(trainer).at(16 * step).labels for step in range(200)])  # type: ignore[misc]
    assert (torch.bincount(many, minlength=10) - 320).abs().max() < 5 * 17  # five standard deviations of uniform labels


def test_the_generator_learns_at_every_so_many_steps(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(*CONDITIONAL, "updates.discriminator_steps=3")
    learned = []
    for _ in range(7):
        before = copies(trainer.generator), copies(trainer.discriminator), copies(trainer.ema.generator)
        terms = make_step(trainer, batches).terms
        learned.append("generator_loss" in terms)
        assert moved(trainer.generator, before[0]) == moved(trainer.ema.generator, before[2]) == learned[-1]
        assert moved(trainer.discriminator, before[1])
    assert learned == [False, False, True, False, False, True, False]
    assert trainer.images_seen == 7 * 16


def test_matching_aware_counts_real_images_with_wrong_labels_as_fakes(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    trainer = new_trainer(*CONDITIONAL, "loss.matching_aware=true", "updates.batches=separate")
    seen = Seen(trainer)
    report = make_step(trainer, batches)
    real, fake, mismatched = seen.scores[:3]
    assert torch.equal(seen.images[2], seen.images[0])
    assert not (seen.labels[2] == seen.labels[0]).any()
    assert seen.labels[2].min() >= 0
    assert seen.labels[2].max() < 10
    loss = LOSSES["non-saturating"]
    expected = (loss.discriminator(real, fake) + loss.discriminator(real, mismatched)) / 2
    torch.testing.assert_close(report.terms["discriminator_loss"], expected)


def test_wrong_labels_are_wrong_in_every_way_alike(new_trainer: Callable[..., Trainer]) -> None:
    noise_source = draws_of(new_trainer(*CONDITIONAL))
    many = torch.cat([noise_source.at(16 * step).label_offset for step in range(200)])
    assert (many.min(), many.max()) == (1, 9)


def test_an_auxiliary_classifier_learns_the_classes_and_the_generator_learns_from_it(digits: ImageSet) -> None:
    settings = ["generator.channels=[8, 8, 8]", "discriminator.channels=[16, 16]", "training.batch_size=32"]
    settings += ["training.precision=float32", "training.images=100000", "penalty.name=none"]
    trainer = Trainer(with_settings(RECIPES["acgan"], settings), ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))
    batches, noise_source = Batches(digits, 32, 0), draws_of(trainer)
    losses = []
    for _ in range(60):
        terms = trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen)).terms
        losses.append(float(terms["classifier_loss"]))
    assert sum(losses[:5]) / 5 > 2.0
    assert sum(losses[-5:]) / 5 < 1.3
    table = trainer.generator.get_parameter("label.table.weight")
    assert trainer.generator_optimizer.state[table]["exp_avg_sq"].sum() > 0


def test_the_weight_of_the_classifier_counts(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    def gradient(weight: float) -> Tensor:
        told = ("discriminator.auxiliary_classifier=true", f"loss.classifier_weight={weight}", "optimizer.beta1=0.0")
        trainer = new_trainer(*CONDITIONAL, *told)
        make_step(trainer, batches)
        moment: Tensor = trainer.discriminator_optimizer.state[trainer.discriminator.get_parameter("score.classifier.weight")][
            "exp_avg"
        ]
        return moment

    assert not gradient(0.0).any()
    torch.testing.assert_close(gradient(2.0), 2 * gradient(1.0))


def test_earlier_scores_of_the_real_images_save_a_pass(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    settings = ("penalty.name=none", "updates.real_scores=earlier")
    trainer = new_trainer(*settings)
    seen = Seen(trainer)
    report = make_step(trainer, batches)
    assert len(seen.scores) == 2
    real, fake = seen.scores[0][:16], seen.scores[1]
    assert fake.shape == (16,)
    torch.testing.assert_close(report.terms["generator_loss"], LOSSES["relativistic"].generator(real, fake))


def test_earlier_scores_are_the_same_if_the_discriminator_does_not_learn(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    losses = []
    for scores in ("earlier", "updated"):
        trainer = new_trainer("optimizer.discriminator_learning_rate=0", f"updates.real_scores={scores}")
        losses.append(float(make_step(trainer, batches).terms["generator_loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_label_smoothing_reaches_the_loss(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    plain, smooth = new_trainer(*CONDITIONAL), new_trainer(*CONDITIONAL, "loss.label_smoothing=0.3")
    losses = [float(make_step(trainer, batches).terms["discriminator_loss"]) for trainer in (plain, smooth)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "none"])
@pytest.mark.parametrize("recipe", ["fast", "lstm-cgan"])
def test_every_penalty_works_with_every_family(digits: ImageSet, recipe: str, penalty: str) -> None:
    changes = [f"penalty.name={penalty}", "penalty.interval=1", "training.batch_size=8", "training.precision=float32"]
    trainer = Trainer(with_settings(RECIPES[recipe], changes), ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))
    terms = trainer.step(Batches(digits, 8, 0).at(0), draws_of(trainer).at(0)).terms
    assert float(terms["penalty"]) > 0
    assert all(bool(weight.isfinite().all()) for weight in trainer.discriminator.parameters())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_every_loss_works_in_every_order(new_trainer: Callable[..., Trainer], batches: Batches, loss: str, order: str) -> None:
    trainer = new_trainer(f"loss.name={loss}", f"updates.order={order}", "penalty.interval=1")
    for _ in range(3):
        terms = make_step(trainer, batches).terms
        assert all(bool(torch.isfinite(value)) for value in terms.values())
        assert 0 <= float(terms["accuracy_real"]) <= 1


def test_spectral_norm_trains_and_keeps_the_weights_in_check(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("loss.name=wasserstein", "penalty.name=none", "discriminator.spectral_norm=true")
    for _ in range(20):
        make_step(trainer, batches)
    largest = torch.linalg.svdvals(trainer.discriminator.dense.weight.detach())[0]  # type: ignore[union-attr]
    assert largest < 1.5


@pytest.mark.parametrize("setting", ["discriminator.dropout=0.5", "discriminator.spectral_norm=true"])
def test_dropout_and_spectral_norm_are_functions_of_seed_and_step(
    new_trainer: Callable[..., Trainer], batches: Batches, setting: str
) -> None:
    first, again = new_trainer(setting), new_trainer(setting)
    for trainer in (first, again):
        torch.rand(1)  # another use of torch's random state
        before = torch.get_rng_state()
        for _ in range(3):
            make_step(trainer, batches)
        assert torch.equal(before, torch.get_rng_state())
    assert not moved(first.discriminator, copies(again.discriminator))


def test_dropout_drops_other_values_at_every_step(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer("discriminator.dropout=0.5", "updates.batches=separate", "optimizer.discriminator_learning_rate=0.0")
    seen = Seen(trainer)
    batch, noise_source = batches.at(0), draws_of(trainer)
    trainer.step(batch, noise_source.at(0))
    first = seen.scores[0]
    trainer.step(batch, noise_source.at(16))
    assert not torch.equal(first, seen.scores[3])


def test_a_rollback_lowers_the_learning_rates_and_changes_the_noise(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    trainer = new_trainer("optimizer.decay=none", "optimizer.generator_learning_rate=0.01")
    trainer.rollbacks = [32, 32]
    rates = []
    for _ in range(3):
        make_step(trainer, batches)
        rates.append(trainer.generator_optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.0025])
    noise_source = draws_of(trainer)
    assert not torch.equal(noise_source.at(32, 0).z, noise_source.at(32, 2).z)
    assert noise_source.at(32, 0).dropout_seed != noise_source.at(32, 2).dropout_seed


def test_what_drops_out_while_a_discriminator_learns_alone_is_a_function_of_the_seed(
    new_trainer: Callable[..., Trainer], batches: Batches
) -> None:
    learned = []
    for chance in (1, 2):
        torch.manual_seed(chance)
        trainer = new_trainer(*CONDITIONAL, "discriminator.dropout=0.5")
        noise_source = draws_of(trainer)
        for step in range(3):
            trainer.pretrain(
                batches.at(16 * step), noise_source.pretraining_noise(step, (1, 28, 28)), noise_source.pretraining_dropout(step)
            )
        learned.append(copies(trainer.discriminator))
    assert not moved(trainer.discriminator, learned[0])
    assert noise_source.pretraining_dropout(0) != noise_source.pretraining_dropout(1)


def test_a_discriminator_learns_alone_to_tell_images_from_noise(new_trainer: Callable[..., Trainer], batches: Batches) -> None:
    trainer = new_trainer(*CONDITIONAL)
    noise_source, before = draws_of(trainer), copies(trainer.generator)
    for step in range(50):
        terms = trainer.pretrain(
            batches.at(16 * step), noise_source.pretraining_noise(step, (1, 28, 28)), noise_source.pretraining_dropout(step)
        )
    assert float(terms["accuracy_real"]) == float(terms["accuracy_fake"]) == 1.0
    assert not moved(trainer.generator, before)
    assert trainer.images_seen == 0
    noise = noise_source.pretraining_noise(0, (1, 28, 28))
    assert (noise.min() + 1).abs() < 0.01
    assert (noise.max() - 1).abs() < 0.01
    assert not torch.equal(noise, noise_source.pretraining_noise(1, (1, 28, 28)))
