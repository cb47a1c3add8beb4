"""Walks: their paths, closed loops, and interpolation between classes for every kind of conditioning."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.errors import UsageError
from digitgan.generation.walk_files import walk_to_file
from digitgan.generation.walking import (
    DIRECTIONS,
    WALKS,
    Start,
    Walk,
    drawn_steps,
    linear,
    spherical,
)
from digitgan.model.file import Model
from digitgan.networks import ImageSpec, build_generator
from digitgan.options import WalkOptions
from digitgan.recipes import RECIPES, Recipe, with_settings

CONDITIONED = {
    "one-hot": ["generator.label_input=one-hot", "generator.norm=batch"],
    "embedding": ["generator.label_input=embedding", "generator.norm=batch"],
    "normalised embedding": ["generator.label_input=normalised-embedding", "generator.norm=batch"],
    "class-conditional batch norm": ["generator.label_input=none", "generator.norm=class-batch"],
}


COMMON = [kind for kind in WALKS if kind != "style-mix"]
"""The walks of every family; style-mix is tested with the style family."""


def begin(model: Model, **changes: object) -> Start:
    usual: dict[str, object] = {
        "model": model,
        "labels": tuple(range(10)),
        "seed": 0,
        "steps": 4,
        "interpolation": "spherical",
        "latent": None,
    }
    return Start(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", COMMON)
def test_every_walk_is_drawn_in_all_its_cells(small_model: Model, kind: str) -> None:
    walk = WALKS[kind](begin(small_model))
    assert walk.z.shape[:2] == walk.shares.shape[:2]
    assert walk.z.shape[1] == len(walk.names)
    np.testing.assert_allclose(walk.shares.sum(axis=2), 1, atol=1e-6)
    steps = drawn_steps(small_model, walk)
    assert len(steps) == len(walk.z)
    assert steps[0].shape == (len(walk.names), 28, 28)
    assert (steps[0] != steps[1]).any()


def test_an_unknown_walk_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--kind 'direction'.*'directions'"):
        WALKS.find("direction")


@pytest.mark.parametrize("kind", ["latents", "classes"])
def test_a_loop_ends_one_step_before_its_beginning(small_model: Model, kind: str) -> None:
    coarse, fine = (WALKS[kind](begin(small_model, steps=steps)) for steps in (2, 20))

    def strides(walk: Walk) -> np.ndarray:
        both = np.concatenate([walk.z, walk.shares], axis=2)
        return np.linalg.norm(np.roll(both, -1, axis=0) - both, axis=(1, 2))

    assert len(fine.z) == 10 * len(coarse.z)
    assert strides(fine).max() < 0.2 * strides(coarse).max()  # no jump anywhere, including the last step


def test_a_walk_through_latents_begins_with_the_seeds_own_images(small_model: Model) -> None:
    first = drawn_steps(small_model, WALKS["latents"](begin(small_model, seed=5)))[0]
    z = small_model.latents(5, range(1)).expand(10, -1)
    np.testing.assert_array_equal(first, small_model.draw(z, torch.arange(10)))


def test_a_walk_through_classes_passes_each_class(small_model: Model) -> None:
    walk = WALKS["classes"](begin(small_model, labels=(3, 8, 1), steps=5))
    np.testing.assert_array_equal(walk.shares[::5, 0].argmax(axis=1), [3, 8, 1])
    np.testing.assert_array_equal(walk.shares[::5].max(axis=2), 1)
    with pytest.raises(UsageError, match=r"--kind classes: .*--labels"):
        WALKS["classes"](begin(small_model, labels=(3,)))


def test_a_walk_from_the_origin_begins_with_the_zero_latent(small_model: Model) -> None:
    first = drawn_steps(small_model, WALKS["origin"](begin(small_model)))[0]
    np.testing.assert_array_equal(first, np.concatenate(list(small_model.at_origin(np.arange(10)))))


def test_a_given_latent_takes_the_place_of_the_seeds_first(small_model: Model) -> None:
    z = np.linspace(-1, 1, small_model.generator.latent, dtype=np.float32)
    for kind in ("latents", "grid", "neighbours"):
        walk = WALKS[kind](begin(small_model, latent=z, steps=4))
        middle = len(walk.z) // 2 if kind == "neighbours" else 0
        np.testing.assert_allclose(walk.z[middle, 0], z, atol=1e-6)


@pytest.mark.parametrize("way", CONDITIONED)
def test_whole_shares_draw_what_labels_draw_and_halves_something_between(small_recipe: Recipe, way: str) -> None:
    recipe = with_settings(small_recipe, CONDITIONED[way])
    generator = build_generator(recipe, ImageSpec(1, 28, 28, 10), 1).eval()
    with torch.no_grad():
        for name, weight in generator.named_parameters():
            if "gain" in name or "bias.weight" in name:  # before training they are equal for all classes
                weight.add_(torch.randn_like(weight))
        z = torch.randn(10, generator.latent, generator=torch.Generator().manual_seed(0))
        by_label = generator(z, torch.arange(10))
        by_share = generator(z, torch.eye(10))
        between = generator(z[:1], torch.tensor([[0.5, 0.5] + [0.0] * 8]))
        ends = [generator(z[:1], torch.tensor([label])) for label in (0, 1)]
    torch.testing.assert_close(by_share, by_label, rtol=1e-4, atol=1e-5)
    assert not torch.equal(by_label[0], by_label[1])
    assert all((between - end).abs().max() > 1e-4 for end in ends)


def test_recurrent_generators_draw_between_classes_too() -> None:
    generator = build_generator(RECIPES["lstm-cgan"], ImageSpec(1, 28, 28, 10), 0).eval()
    with torch.no_grad():
        z = torch.randn(2, generator.latent, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(generator(z, torch.eye(10)[:2]), generator(z, torch.arange(2)), rtol=1e-4, atol=1e-5)


def test_spherical_interpolation_keeps_the_length_and_linear_does_not() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 1, 64)).astype(np.float32)
    lengths = np.linalg.norm([first[0], second[0]], axis=1)
    for share in (0.25, 0.5, 0.75):
        assert lengths.min() * 0.99 <= np.linalg.norm(spherical(first, second, share)) <= lengths.max() * 1.01
    assert np.linalg.norm(linear(first, second, 0.5)) < 0.85 * lengths.min()


@pytest.mark.parametrize("between", [spherical, linear])
def test_interpolation_ends_where_it_should(between: Callable[..., np.ndarray]) -> None:
    first, second = np.random.default_rng(1).standard_normal((2, 3, 16)).astype(np.float32)
    np.testing.assert_allclose(between(first, second, 0), first, atol=1e-5)
    np.testing.assert_allclose(between(first, second, 1), second, atol=1e-5)
    np.testing.assert_allclose(between(first, first, 0.3), first, atol=1e-5)  # the arc between equal latents is undefined
    assert np.isfinite(between(first, -first, 0.5)).all()
    assert np.isfinite(between(np.zeros_like(first), second, 0.5)).all()


def test_principal_directions_are_those_of_sampled_activations(small_model: Model) -> None:
    """Compare with GANSpace, which computes the principal components of sampled activations of the first layer."""
    model = dataclasses.replace(small_model, generator=copy.deepcopy(small_model.generator))
    latent, dense = model.generator.latent, model.generator.dense
    with torch.no_grad():
        dense.weight[:, :latent] *= 0.5 ** torch.arange(latent)  # before training no direction dominates
        directions, shares = model.generator.principal_directions(3)
        weight = dense.weight[:, :latent].double()
        z = torch.randn(100_000, latent, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        values, vectors = torch.linalg.eigh(torch.cov((z @ weight.T).T))
    sampled = (values / values.sum()).flip(0)[:3].numpy()
    np.testing.assert_allclose(shares, sampled, atol=0.01)
    for index in range(3):
        moved = weight.detach().numpy() @ directions[index]
        component = vectors[:, -1 - index].numpy()
        assert abs(moved @ component) / np.linalg.norm(moved) > 0.95


def test_directions_are_orthogonal_and_signed(small_model: Model) -> None:
    directions, shares = small_model.generator.principal_directions(DIRECTIONS)
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-5)
    assert (np.diff(shares) <= 1e-9).all()
    assert (directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)] > 0).all()


def test_the_format_is_that_of_the_output_and_else_of_the_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for options, form in (({"out": Path("a.png")}, "png"), ({"out": Path("b.gif")}, "gif"), ({}, "gif")):
        walked = walk_to_file(WalkOptions(steps=2, labels="1", **options))  # type: ignore[arg-type]
        assert (walked.format, walked.path.suffix) == (form, f".{form}")
