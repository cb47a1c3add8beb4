"""Tests of trainings that start from an earlier model or run."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from digitgan.data import ImageSet
from digitgan.errors import CheckpointError, RecipeError, RunError, UsageError
from digitgan.model.file import load_model, save_model
from digitgan.model.registry import load
from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.options import TrainOptions
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.session.callbacks.progress import console_printer
from digitgan.session.plan import plan_training
from digitgan.session.session import run_training
from digitgan.training import Control, Trainer, checkpoints
from digitgan.training.checkpoint import newest_tensors
from digitgan.training.transfer import class_dimensions, transfer
from tests import tiny

CONDITIONED = {
    "class-conditional batch norm and projection": tiny.recipe(),
    "one-hot": tiny.recipe("generator.label_input=one-hot", "generator.norm=batch", "discriminator.label_input=one-hot"),
    "mask": with_settings(find_recipe("mask-cgan"), ["generator.channels=[8, 8]", "discriminator.channels=[8, 8]"]),
    "LSTM": find_recipe("lstm-cgan"),
    "style": tiny.style(),
    "residual": find_recipe("residual"),
    "auxiliary classifier": find_recipe("acgan"),
}


@pytest.mark.parametrize("name", CONDITIONED)
@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_classes_keep_what_they_learned_under_their_names(name: str, part: str) -> None:
    """With the classes in another order, some fewer and some new ones, the outputs for common classes stay the same."""
    recipe: Recipe = CONDITIONED[name]
    before, now = ("a", "b", "c", "d"), ("d", "x", "b", "y", "z", "a")
    build = build_generator if part == "generator" else build_discriminator
    old, new = build(recipe, ImageSpec(1, 28, 28, 4), 1).eval(), build(recipe, ImageSpec(1, 28, 28, 6), 2).eval()
    found = transfer(new, old.state_dict(), class_dimensions(recipe, ImageSpec(1, 28, 28, 6), part), before, now)
    assert (found.kept, found.new, found.unlike) == (("d", "b", "a"), ("x", "y", "z"), ())
    noise = torch.Generator().manual_seed(0)
    shape = (3, old.latent) if part == "generator" else (3, 1, 28, 28)  # type: ignore[union-attr]
    inputs = torch.randn(shape, generator=noise)
    of_old, of_new = torch.tensor([3, 1, 0]), torch.tensor([0, 2, 5])
    with torch.no_grad():
        one, two = old(inputs, of_old), new(inputs, of_new)
    if part == "discriminator":
        one, two = one.logits, two.logits
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)


def train(options: TrainOptions) -> str:
    """Train, and return what was said."""
    said = io.StringIO()
    console = Console(file=said, width=500)
    plan = plan_training(options, console_printer(console))
    run_training(plan, console, "none", Control())
    return said.getvalue()


def options(run: Path, out: Path, **more: object) -> TrainOptions:
    return TrainOptions(from_=str(run), out=out, images=64, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two classes."""
    folder = tmp_path_factory.mktemp("start")
    noise = np.random.default_rng(0)
    images = noise.integers(0, 256, (90, 28, 28), dtype=np.uint8)
    np.savez(folder / "two.npz", images=images, labels=np.arange(90) % 2, class_names=np.array(["cat", "dog"]))
    np.savez(folder / "three.npz", images=images, labels=np.arange(90) % 3, class_names=np.array(["ant", "cat", "dog"]))
    np.savez(folder / "small.npz", images=images[:, :14, :14], labels=np.arange(90) % 2, class_names=np.array(["cat", "dog"]))
    train(TrainOptions(recipe="fast", data=str(folder / "two.npz"), images=96, out=folder / "run", settings=tiny.SETTINGS))  # type: ignore[arg-type]
    return folder / "run"


def test_a_run_goes_on_with_more_data_and_records_its_ancestry(run: Path, tmp_path: Path) -> None:
    said = train(options(run, tmp_path / "next", data=str(run.parent / "three.npz")))
    assert "starting from the generator and the discriminator of" in said
    assert "classes kept: cat, dog; new classes: ant" in said
    record = json.loads((tmp_path / "next" / "run.json").read_text())
    assert record["from"]["recipe"] == "fast"
    assert record["from"]["images_seen"] == 96
    assert record["from"]["trained_on"] == "two.npz"
    model = load(tmp_path / "next")
    assert model.class_names == ("ant", "cat", "dog")
    assert model.card["from"]["sha256"] == record["from"]["sha256"]
    train(dataclasses.replace(options(tmp_path / "next", tmp_path / "third"), data=(str(run.parent / "three.npz"),)))
    assert json.loads((tmp_path / "third" / "run.json").read_text())["from"]["from"] == record["from"]


def test_the_first_checkpoint_has_the_weights_of_the_run_and_a_resumed_run_needs_it_no_more(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "next"
    train(options(run, out, data=str(run.parent / "two.npz"), settings=("training.checkpoints=1",)))
    assert checkpoints(out / "checkpoints")[0].name == "00000000"
    whole = load_file(out / "model.safetensors")
    first, begun = newest_tensors(run / "checkpoints"), load_file(out / "checkpoints" / "00000000" / "state.safetensors")
    weights = [name for name in begun if "optimizer" not in name]
    assert len(weights) > 20
    for name in weights:
        assert torch.equal(begun[name], first[name]), name
    for later in checkpoints(out / "checkpoints")[1:]:
        shutil.rmtree(later)
    (out / "model.safetensors").unlink()
    train(TrainOptions(resume=True, out=out))
    assert load_model(out / "model.safetensors").card["from"]["images_seen"] == 96
    again = load_file(out / "model.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())


def test_a_model_file_alone_starts_the_generator(run: Path, tmp_path: Path) -> None:
    said = train(options(run / "model.safetensors", tmp_path / "next", data=str(run.parent / "two.npz")))
    assert "starting from the generator of" in said


def test_what_cannot_start_a_training_is_refused_by_name(run: Path, tmp_path: Path) -> None:
    two = str(run.parent / "two.npz")

    def refused(error: type[Exception], reason: str, **more: object) -> None:
        with pytest.raises(error, match=reason):
            plan_training(options(run, tmp_path / "next", **more), lambda line: None)

    refused(
        RecipeError,
        r"its model makes 28x28 grey images, and small\.npz has 14x14 grey ones; .*--size 28x28",
        data=str(run.parent / "small.npz"),
    )
    refused(
        RecipeError,
        r"its model makes 28x28 grey images, and two\.npz has 28x28 RGB ones; .*--colour grey",
        data=two,
        colour="rgb",
    )
    refused(RecipeError, r"its generator has other settings than recipe style: .*family", data=two, recipe="style")
    refused(
        RecipeError,
        r"its generator has other settings than recipe fast: channels",
        data=two,
        settings=("generator.channels=[9, 9]",),
    )
    refused(UsageError, "--resume, --from: give only one", data=two, resume=True)
    model = load(run)
    newer = tmp_path / "newer.safetensors"
    save_model(newer, model)
    content = newer.read_bytes().replace(b'"version":"', b'"version":"9', 1)
    newer.write_bytes(content)
    with pytest.raises(Exception, match=r"newer\.safetensors"):
        plan_training(TrainOptions(from_=str(newer), data=two), lambda line: None)  # type: ignore[arg-type]


def test_resuming_with_other_data_names_the_ways_on(run: Path) -> None:
    with pytest.raises(RunError, match=r"(?s)started with other data.*Name the earlier images with --data, or .*--from"):
        plan_training(TrainOptions(resume=True, out=run, data=str(run.parent / "three.npz")), lambda line: None)  # type: ignore[arg-type]


def test_frozen_layers_do_not_learn(digits: ImageSet) -> None:
    recipe = tiny.recipe()
    plain = Trainer(recipe, ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))
    names = [name.split(".")[0] for name, _ in plain.discriminator.named_parameters()]
    frozen = with_settings(recipe, [f"training.freeze=discriminator.{names[0]}"])
    trainer = Trainer(frozen, ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))
    assert not all(weight.requires_grad for weight in trainer.discriminator.parameters())
    assert all(weight.requires_grad for weight in trainer.generator.parameters())
    for wrong, reason in (
        ("discriminator.nothing", "names no layer; there are discriminator"),
        ("critic", "names no layer; there are generator, discriminator"),
        ("generator", "leaves no layer of the generator that learns"),
    ):
        with pytest.raises(RecipeError, match=reason):
            Trainer(with_settings(recipe, [f"training.freeze={wrong}"]), ImageSpec(1, 28, 28, 10), 0, torch.device("cpu"))


def test_a_run_stopped_before_the_weights_were_taken_over_takes_them_over_when_resumed(run: Path, tmp_path: Path) -> None:
    out, two = tmp_path / "next", str(run.parent / "two.npz")
    control = Control()
    control.stop()
    plan = plan_training(options(run, out, data=two, settings=("training.pretraining=2",)), lambda line: None)
    run_training(plan, Console(file=io.StringIO()), "none", control)
    assert checkpoints(out / "checkpoints") == []
    said = train(TrainOptions(resume=True, out=out))
    assert "starting from the generator and the discriminator of" in said
    assert checkpoints(out / "checkpoints")[-1].name == "00000064"


def test_settings_of_the_user_stay_and_growth_and_pretraining_of_the_model_do_not(run: Path, tmp_path: Path) -> None:
    two = str(run.parent / "two.npz")
    settings = ("training.generator_pretraining=5", "penalty.gamma=0.7")
    plan = plan_training(options(run, tmp_path / "next", data=two, settings=settings), lambda line: None)
    assert (plan.recipe.training.generator_pretraining, plan.recipe.penalty.gamma) == (5, 0.7)
    plain = plan_training(options(run, tmp_path / "next", data=two), lambda line: None)
    assert plain.recipe.training.generator_pretraining == 0
    assert plain.recipe.generator == plan.recipe.generator


def test_a_frozen_layer_that_does_not_exist_is_refused_before_anything_is_written(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="names no layer"):
        plan_training(
            options(run, tmp_path / "next", data=str(run.parent / "two.npz"), settings=("training.freeze=discriminator.x",)),
            lambda line: None,
        )


def test_a_run_may_not_start_from_itself(run: Path) -> None:
    before = sorted(path.name for path in run.rglob("*"))
    with pytest.raises(UsageError, match="are one folder"):
        plan_training(options(run, run, overwrite=True), print)
    assert sorted(path.name for path in run.rglob("*")) == before


def test_damaged_checkpoints_are_named_and_the_ancestry_is_that_of_the_one_taken(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    data = str(run.parent / "two.npz")
    train(TrainOptions(resume=True, out=copy, images=192))
    saved = checkpoints(copy / "checkpoints")
    assert len(saved) >= 2
    for number, checkpoint in enumerate(reversed(saved)):
        if number == 1:
            said = train(options(copy, tmp_path / "next", data=data))
            assert f"{saved[-1].name}" in said
            assert "trying the previous checkpoint" in said
            assert "the generator and the discriminator of" in said
            ancestry = json.loads((tmp_path / "next" / "run.json").read_text())["from"]
            assert ancestry["images_seen"] == int(saved[-2].name)
        for path in checkpoint.iterdir():
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match=r"all its checkpoints are damaged.*--from .*model\.safetensors"):
        plan_training(options(copy, tmp_path / "other", data=data), print)
    assert not (tmp_path / "other").exists()


def test_what_is_taken_over_without_a_request_is_said(run: Path, tmp_path: Path) -> None:
    data = str(run.parent / "two.npz")
    before = TrainOptions(recipe="fast", data=(data,), images=64, out=tmp_path / "none", settings=tiny.SETTINGS)
    train(dataclasses.replace(before, unconditional=True))
    said: list[str] = []
    plan = plan_training(options(tmp_path / "none", tmp_path / "next", data=(data,)), said.append)
    assert any("labels of two.npz are ignored" in line for line in said)
    assert any(line.startswith("from     ") for line in plan.summary())
