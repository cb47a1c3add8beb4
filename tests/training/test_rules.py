"""Who learns when and from what: every order of updates, and every further term of the objectives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from digitgan.data import Batches, ImageSet
from digitgan.networks import ImageForm, Judgement
from digitgan.recipes import RECIPES, with_settings
from digitgan.training import Draws, Game, StepReport
from digitgan.training.losses import LOSSES
from digitgan.training.penalties import PENALTIES

CONDITIONAL = ("loss.name=non-saturating", "penalty.name=none")


@pytest.fixture
def batches(digits: ImageSet) -> Batches:
    return Batches(digits, 16, seed=0)


def draws_of(game: Game) -> Draws:
    size = game.recipe.training.batch_size
    return Draws(0, game.generator.latent, 10, size, torch.device("cpu"), game.recipe.updates)


def make_step(game: Game, batches: Batches) -> StepReport:
    return game.step(batches.at(game.images_seen), draws_of(game).at(game.images_seen))


def copies(network: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def moved(network: nn.Module, before: list[Tensor]) -> bool:
    return any(not torch.equal(weight, old) for weight, old in zip(network.parameters(), before, strict=True))


class Seen:
    """What a discriminator was shown, and what it said."""

    def __init__(self, game: Game) -> None:
        self.images: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.scores: list[Tensor] = []
        game.discriminator.register_forward_hook(self._note)

    def _note(self, _network: nn.Module, inputs: tuple[Tensor, Tensor], output: Judgement) -> None:
        self.images.append(inputs[0].detach().clone())
        self.labels.append(inputs[1].clone())
        self.scores.append(output.scores.detach().clone())


def test_simultaneous_takes_both_gradients_from_one_pass(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "updates.order=simultaneous")
    made: list[int] = []
    game.generator.register_forward_hook(lambda *_: made.append(1))
    seen = Seen(game)
    before = copies(game.generator), copies(game.discriminator)
    report = make_step(game, batches)
    assert len(made) == len(seen.images) == 1
    assert moved(game.generator, before[0])
    assert moved(game.discriminator, before[1])
    fake = seen.scores[0][16:]
    torch.testing.assert_close(report.terms["generator_loss"], LOSSES["non-saturating"].generator(fake[:0], fake))


def test_simultaneous_gradients_are_those_of_each_objective_alone(new_game: Callable[..., Game], batches: Batches) -> None:
    """Adam's first moment, with beta1 = 0, is the last gradient; the discriminator's must hold nothing of the generator's."""
    settings = (*CONDITIONAL, "optimizer.beta1=0.0")
    together, in_turn = new_game(*settings, "updates.order=simultaneous"), new_game(*settings)
    for game in (together, in_turn):
        make_step(game, batches)
    weight, other = (game.discriminator.get_parameter("dense.weight") for game in (together, in_turn))
    torch.testing.assert_close(
        together.discriminator_optimizer.state[weight]["exp_avg"], in_turn.discriminator_optimizer.state[other]["exp_avg"]
    )
    assert moved(together.generator, copies(in_turn.generator)), "in turn, the discriminator had learned in between"


def test_fresh_fakes_are_others_and_as_many_as_asked_for(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "updates.fakes=fresh", "updates.generator_batch=24")
    seen = Seen(game)
    make_step(game, batches)
    for_discriminator, for_generator = seen.images
    assert (len(for_discriminator), len(for_generator)) == (32, 24)
    assert not torch.equal(for_discriminator[16:], for_generator[:16])


def test_the_generators_own_latents_never_repeat(new_game: Callable[..., Game]) -> None:
    draws = draws_of(new_game(*CONDITIONAL, "updates.fakes=fresh", "updates.generator_batch=24"))
    first, second = (draws.at(seen).generator_z for seen in (0, 16))
    assert first is not None
    assert second is not None
    rows = torch.cat([first, second])
    assert len(torch.unique(rows, dim=0)) == 48


def test_separate_batches_pass_the_discriminator_one_after_the_other(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "updates.batches=separate")
    seen = Seen(game)
    make_step(game, batches)
    assert [len(images) for images in seen.images] == [16, 16, 16]


def test_uniform_labels_are_not_those_of_the_batch(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "updates.fake_labels=uniform")
    seen = Seen(game)
    make_step(game, batches)
    labels = batches.at(0).labels
    assert torch.equal(seen.labels[0][:16], labels)
    assert not torch.equal(seen.labels[0][16:], labels)
    assert torch.equal(seen.labels[0][16:], seen.labels[1])
    many = torch.cat([draws_of(game).at(16 * step).labels for step in range(200)])  # type: ignore[misc]
    assert (torch.bincount(many, minlength=10) - 320).abs().max() < 5 * 17  # five standard deviations of a fair draw


def test_the_generator_learns_at_every_so_many_steps(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "updates.discriminator_steps=3")
    learned = []
    for _ in range(7):
        before = copies(game.generator), copies(game.discriminator), copies(game.ema.generator)
        terms = make_step(game, batches).terms
        learned.append("generator_loss" in terms)
        assert moved(game.generator, before[0]) == moved(game.ema.generator, before[2]) == learned[-1]
        assert moved(game.discriminator, before[1])
    assert learned == [False, False, True, False, False, True, False]
    assert game.images_seen == 7 * 16


def test_matching_aware_counts_real_images_with_wrong_labels_as_fakes(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL, "loss.matching_aware=true", "updates.batches=separate")
    seen = Seen(game)
    report = make_step(game, batches)
    real, fake, mismatched = seen.scores[:3]
    assert torch.equal(seen.images[2], seen.images[0])
    assert not (seen.labels[2] == seen.labels[0]).any()
    assert seen.labels[2].min() >= 0
    assert seen.labels[2].max() < 10
    loss = LOSSES["non-saturating"]
    expected = (loss.discriminator(real, fake) + loss.discriminator(real, mismatched)) / 2
    torch.testing.assert_close(report.terms["discriminator_loss"], expected)


def test_wrong_labels_are_wrong_in_every_way_alike(new_game: Callable[..., Game]) -> None:
    draws = draws_of(new_game(*CONDITIONAL))
    many = torch.cat([draws.at(16 * step).wrong_by for step in range(200)])
    assert (many.min(), many.max()) == (1, 9)


def test_an_auxiliary_classifier_learns_the_classes_and_the_generator_learns_from_it(digits: ImageSet) -> None:
    settings = ["generator.channels=[8, 8, 8]", "discriminator.channels=[16, 16]", "training.batch_size=32"]
    settings += ["training.precision=float32", "training.images=100000", "penalty.name=none"]
    game = Game(with_settings(RECIPES["acgan"], settings), ImageForm(1, 28, 28, 10), 0, torch.device("cpu"))
    batches, draws = Batches(digits, 32, 0), draws_of(game)
    losses = []
    for _ in range(60):
        terms = game.step(batches.at(game.images_seen), draws.at(game.images_seen)).terms
        losses.append(float(terms["classifier_loss"]))
    assert sum(losses[:5]) / 5 > 2.0
    assert sum(losses[-5:]) / 5 < 1.3
    table = game.generator.get_parameter("label.table.weight")
    assert game.generator_optimizer.state[table]["exp_avg_sq"].sum() > 0


def test_the_weight_of_the_classifier_counts(new_game: Callable[..., Game], batches: Batches) -> None:
    def gradient(weight: float) -> Tensor:
        told = ("discriminator.auxiliary_classifier=true", f"loss.classifier_weight={weight}", "optimizer.beta1=0.0")
        game = new_game(*CONDITIONAL, *told)
        make_step(game, batches)
        moment: Tensor = game.discriminator_optimizer.state[game.discriminator.get_parameter("score.classifier.weight")][
            "exp_avg"
        ]
        return moment

    assert not gradient(0.0).any()
    torch.testing.assert_close(gradient(2.0), 2 * gradient(1.0))


def test_label_smoothing_reaches_the_loss(new_game: Callable[..., Game], batches: Batches) -> None:
    plain, smooth = new_game(*CONDITIONAL), new_game(*CONDITIONAL, "loss.label_smoothing=0.3")
    losses = [float(make_step(game, batches).terms["discriminator_loss"]) for game in (plain, smooth)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "none"])
@pytest.mark.parametrize("recipe", ["fast", "lstm-cgan"])
def test_every_penalty_works_with_every_family(digits: ImageSet, recipe: str, penalty: str) -> None:
    changes = [f"penalty.name={penalty}", "penalty.interval=1", "training.batch_size=8", "training.precision=float32"]
    game = Game(with_settings(RECIPES[recipe], changes), ImageForm(1, 28, 28, 10), 0, torch.device("cpu"))
    terms = game.step(Batches(digits, 8, 0).at(0), draws_of(game).at(0)).terms
    assert float(terms["penalty"]) > 0
    assert all(bool(weight.isfinite().all()) for weight in game.discriminator.parameters())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_every_loss_works_in_every_order(new_game: Callable[..., Game], batches: Batches, loss: str, order: str) -> None:
    game = new_game(f"loss.name={loss}", f"updates.order={order}", "penalty.interval=1")
    for _ in range(3):
        terms = make_step(game, batches).terms
        assert all(bool(torch.isfinite(value)) for value in terms.values())
        assert 0 <= float(terms["accuracy_real"]) <= 1


def test_spectral_norm_trains_and_keeps_the_weights_in_check(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game("loss.name=wasserstein", "penalty.name=none", "discriminator.spectral_norm=true")
    for _ in range(20):
        make_step(game, batches)
    largest = torch.linalg.svdvals(game.discriminator.dense.weight.detach())[0]  # type: ignore[union-attr]
    assert largest < 1.5


@pytest.mark.parametrize("setting", ["discriminator.dropout=0.5", "discriminator.spectral_norm=true"])
def test_dropout_and_spectral_norm_are_functions_of_seed_and_step(
    new_game: Callable[..., Game], batches: Batches, setting: str
) -> None:
    first, again = new_game(setting), new_game(setting)
    for game in (first, again):
        torch.rand(1)  # whatever else has drawn from torch's own stream
        before = torch.get_rng_state()
        for _ in range(3):
            make_step(game, batches)
        assert torch.equal(before, torch.get_rng_state())
    assert not moved(first.discriminator, copies(again.discriminator))


def test_dropout_drops_other_values_at_every_step(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game("discriminator.dropout=0.5", "updates.batches=separate", "optimizer.discriminator_learning_rate=0.0")
    seen = Seen(game)
    batch, draws = batches.at(0), draws_of(game)
    game.step(batch, draws.at(0))
    first = seen.scores[0]
    game.step(batch, draws.at(16))
    assert not torch.equal(first, seen.scores[3])


def test_a_rollback_lowers_the_learning_rates_and_changes_the_noise(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game("optimizer.decay=none", "optimizer.generator_learning_rate=0.01")
    game.rollbacks = [32, 32]
    rates = []
    for _ in range(3):
        make_step(game, batches)
        rates.append(game.generator_optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.0025])
    draws = draws_of(game)
    assert not torch.equal(draws.at(32, 0).z, draws.at(32, 2).z)
    assert draws.at(32, 0).dropout_seed != draws.at(32, 2).dropout_seed


def test_what_drops_out_while_a_discriminator_learns_alone_is_a_function_of_the_seed(
    new_game: Callable[..., Game], batches: Batches
) -> None:
    learned = []
    for chance in (1, 2):
        torch.manual_seed(chance)
        game = new_game(*CONDITIONAL, "discriminator.dropout=0.5")
        draws = draws_of(game)
        for step in range(3):
            game.pretrain(batches.at(16 * step), draws.noise(step, (1, 28, 28)), draws.pretraining_dropout(step))
        learned.append(copies(game.discriminator))
    assert not moved(game.discriminator, learned[0])
    assert draws.pretraining_dropout(0) != draws.pretraining_dropout(1)


def test_a_discriminator_learns_alone_to_tell_images_from_noise(new_game: Callable[..., Game], batches: Batches) -> None:
    game = new_game(*CONDITIONAL)
    draws, before = draws_of(game), copies(game.generator)
    for step in range(50):
        terms = game.pretrain(batches.at(16 * step), draws.noise(step, (1, 28, 28)), draws.pretraining_dropout(step))
    assert float(terms["accuracy_real"]) == float(terms["accuracy_fake"]) == 1.0
    assert not moved(game.generator, before)
    assert game.images_seen == 0
    noise = draws.noise(0, (1, 28, 28))
    assert (noise.min() + 1).abs() < 0.01
    assert (noise.max() - 1).abs() < 0.01
    assert not torch.equal(noise, draws.noise(1, (1, 28, 28)))
