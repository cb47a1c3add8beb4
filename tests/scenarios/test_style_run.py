"""A run of the style family with every command: images in any company, truncation, walks, inversion, exports, the studio."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import digitgan
from digitgan.exporters import EXPORT_FORMATS
from digitgan.generation.walking import WALKS, Start, drawn_steps
from digitgan.generation.workers import TASK_IMAGES
from digitgan.images import save_png
from digitgan.model.batching import BLOCK
from digitgan.model.file import Model
from digitgan.runs import RunFolder
from digitgan.studio.batcher import is_batch_invariant
from tests import tiny
from tests.scenarios.conftest import Digitgan
from tests.scenarios.test_distributed import finish, losses, start
from tests.scenarios.test_workers import contents
from tests.studio.conftest import open_studio


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short run whose noise has an effect. Tests only read it."""
    settings = [*tiny.STYLE, "guard.mode_collapse=false", "optimizer.generator_learning_rate=0.02", "ema.decay=0.5"]
    out = tmp_path_factory.mktemp("style") / "runs" / "style"
    return digitgan.train("style", data="digits", images=640, out=out, settings=settings).run


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return digitgan.load(run)


LABELS = np.arange(3 * BLOCK) % 10


def test_an_image_is_the_same_in_any_company(model: Model) -> None:
    images = model.sample(LABELS, seed=4)
    for number in (0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 7):
        alone = model.sample(LABELS[number : number + 1], seed=4, start=number)
        np.testing.assert_array_equal(alone[0], images[number])
    other = model.sample(LABELS, seed=4, truncation=0.7)
    np.testing.assert_array_equal(model.sample(LABELS[70:71], seed=4, start=70, truncation=0.7)[0], other[70])
    assert (other != images).any()
    dataset = digitgan.GeneratedDataset(model, LABELS, seed=4)
    np.testing.assert_array_equal((dataset[77][0][0].numpy() * 255).round(), images[77])


def test_noise_has_an_effect_and_is_part_of_the_image(model: Model) -> None:
    z, labels = model.latents(0, range(1)), torch.tensor([3])
    other = z.clone()
    other[:, model.generator.components :] = 0
    assert (model.draw(z, labels) != model.draw(other, labels)).any()


def test_workers_and_any_number_of_files_give_the_same_images(here: Digitgan, run: Path, tmp_path: Path) -> None:
    count = 2 * TASK_IMAGES + 100
    options = ("--count", str(count), "--seed", "3", "--truncation", "0.8", "--format", "npz")
    for workers in ("1", "2"):
        done = here("sample", str(run), *options, "--workers", workers, "--out", f"by-{workers}.npz")
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "by-1.npz") == contents(tmp_path / "by-2.npz")
    assert here("sample", str(run), *options, "--shard-size", "500", "--out", "set").returncode == 0
    whole = np.load(tmp_path / "by-1.npz")["images"]
    parts = [np.load(path)["images"] for path in sorted((tmp_path / "set").glob("*.npz"))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_truncation_by_one_is_none_and_by_little_the_mean_image(here: Digitgan, run: Path, tmp_path: Path) -> None:
    drawn = {}
    for name, options in (
        ("none", ()),
        ("one", ("--truncation", "1")),
        ("half", ("--truncation", "0.5")),
        ("little", ("--truncation", "0.0001")),
        ("mean", ("--zero-latent",)),
    ):
        count = () if name == "mean" else ("--per-class", "3")
        done = here("sample", str(run), *count, *options, "--format", "npz", "--out", f"{name}.npz")
        assert done.returncode == 0, done.stderr
        drawn[name] = np.load(tmp_path / f"{name}.npz")["images"].astype(int)
    np.testing.assert_array_equal(drawn["one"], drawn["none"])
    spreads = {name: drawn[name].reshape(10, 3, -1).std(axis=1).mean() for name in ("none", "half", "little")}
    assert spreads["none"] > spreads["half"] > spreads["little"]
    no_noise = np.abs(drawn["little"].reshape(10, 3, 28, 28).mean(axis=1) - drawn["mean"]).mean()
    assert no_noise < spreads["none"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "RUN", "--truncation", "1.5"],
        ["sample", "RUN", "--truncation", "0"],
        ["sample", "RUN", "--truncation", "nan"],
        ["write", "20", "RUN", "--truncation", "2"],
        ["sample", "mnist", "--truncation", "0.05"],
        ["write", "20", "mnist", "--truncation", "0"],
        ["walk", "mnist", "--kind", "style-mix"],
        ["walk", "RUN", "--kind", "style-mix", "--steps", "4"],
    ],
    ids=" ".join,
)
def test_what_a_family_cannot_do_is_refused_by_name(here: Digitgan, run: Path, tmp_path: Path, arguments: list[str]) -> None:
    done = here(*(str(run) if word == "RUN" else word for word in arguments))
    assert done.returncode == 2
    option = re.escape(" ".join(arguments[-2:]) if "--truncation" in arguments else "--kind style-mix")
    assert re.search(option, done.stderr)
    if arguments[:2] == ["walk", "mnist"]:
        assert 'generator.family = "style"' in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_a_truncated_text_is_nearer_to_the_mean_text(here: Digitgan, run: Path, model: Model, tmp_path: Path) -> None:
    texts = [digitgan.write(model, "2026", style=style, truncation=share) for share in (None, 0.3) for style in range(4)]
    spreads = [np.std([text.astype(float) for text in texts[first : first + 4]], axis=0).mean() for first in (0, 4)]
    assert spreads[1] < spreads[0]
    done = here("write", "2026", str(run), "--truncation", "0.3", "--style", "1", "--repeat", "1", "--out", "texts")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "texts" / "00000.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), texts[5])


# --- walks and inversion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WALKS)
def test_every_walk_is_drawn(here: Digitgan, run: Path, tmp_path: Path, kind: str) -> None:
    steps = ("--steps", "3") if "steps" in WALKS[kind].takes else ()
    done = here("walk", str(run), "--kind", kind, *steps, "--labels", "3,8", "--format", "png", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with Image.open(tmp_path / "walk.png") as picture:
        assert picture.size == (2 * (2 + 30 * found["steps"]), 2 * (2 + 30 * len(found["rows"])))


def begin(model: Model, latent: np.ndarray | None = None) -> Start:
    return Start(model, (3, 8), seed=0, steps=4, interpolation="spherical", latent=latent)


def test_the_diagonal_of_a_style_mix_is_unmixed_and_its_rows_share_their_coarse_styles(model: Model) -> None:
    walk = WALKS["style-mix"](begin(model))
    steps = np.stack(drawn_steps(model, walk))  # (columns, rows, height, width)
    latents = model.latents(0, range(len(steps)))
    plain = model.draw_many(latents, torch.full((len(latents),), 3))
    np.testing.assert_array_equal(steps[np.arange(len(steps)), np.arange(len(steps))], plain)
    assert all((steps[0, row] != steps[1, row]).any() for row in range(2, len(steps)))


def test_a_walk_from_the_origin_begins_at_the_mean_images(model: Model) -> None:
    steps = drawn_steps(model, WALKS["origin"](begin(model)))
    np.testing.assert_array_equal(steps[0], np.concatenate(list(model.at_origin([3, 8]))))
    middle = model.draw_many(model.latents(0, range(1)).expand(2, -1), torch.tensor([3, 8]))
    np.testing.assert_array_equal(steps[2], middle)


def test_a_direction_goes_from_one_side_of_the_average_style_to_the_other(model: Model) -> None:
    walk = WALKS["directions"](begin(model))
    generator, labels = model.generator, torch.tensor([3])
    directions = torch.from_numpy(generator.principal_directions(3)[0])
    for place, step in zip((-3, -1.5, 0, 1.5, 3), walk.z, strict=True):
        for number in range(3):
            codes = torch.from_numpy(step[number : number + 1])
            coordinates = generator.coordinates(codes, labels, directions).detach()
            assert coordinates[0, number] == pytest.approx(place, abs=1e-3)
    steps = np.stack(drawn_steps(model, walk))
    assert all((steps[0, number] != steps[4, number]).any() for number in range(3))


def test_a_picture_is_found_again_and_walked_from(here: Digitgan, run: Path, model: Model, tmp_path: Path) -> None:
    seven = model.sample([7], seed=3)[0]
    save_png(tmp_path / "seven.png", seven)
    done = here("invert", "seven.png", str(run), "--label", "7", "--json")
    assert done.returncode == 0, done.stderr
    code = np.load(tmp_path / "seven-redrawn.npy")
    assert code.shape == (model.generator.code,)
    strangers = np.array([model.sample([7], seed=seed)[0] for seed in range(20, 40)], dtype=float)
    typical = np.sqrt(((strangers - seven) ** 2).mean(axis=(1, 2))).mean()
    assert json.loads(done.stdout)["error"] < 0.6 * typical
    found = model.draw(torch.from_numpy(code)[None], torch.tensor([7]))[0]
    for kind in WALKS:
        if kind in ("classes", "origin"):  # the first needs two classes, and the other ends far from the code
            continue
        steps = np.stack(drawn_steps(model, WALKS[kind](dataclasses.replace(begin(model, code), labels=(7,))))).astype(int)
        assert kind == "grid" or (steps[0] != steps[-1]).any(), kind
        if kind != "directions":  # which begins at a coordinate of its own
            assert np.abs(steps[len(steps) // 2 if kind == "neighbours" else 0, 0] - found).max() <= 1, kind
    walked = here("walk", str(run), "--latent", "seven-redrawn.npy", "--labels", "7", "--steps", "3")
    assert walked.returncode == 0, walked.stderr
    plain = np.zeros(model.generator.latent, dtype=np.float32)
    np.save(tmp_path / "plain.npy", plain)
    assert here("walk", str(run), "--latent", "plain.npy", "--steps", "3", "--overwrite").returncode == 0
    np.save(tmp_path / "wrong.npy", plain[:-1])
    refused = here("walk", str(run), "--latent", "wrong.npy")
    assert refused.returncode == 2
    assert f"{model.generator.latent} or {model.generator.code}" in refused.stderr


# --- other programs ---------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "onnx" else [pytest.mark.long]) for name in EXPORT_FORMATS]
)
def test_every_export_draws_the_same_images(here: Digitgan, run: Path, name: str) -> None:
    further = ("--with-discriminator",) if EXPORT_FORMATS[name].takes_discriminator else ()
    done = here("export", str(run), "--format", name, *further, "--out", f"exported{EXPORT_FORMATS[name].ending}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["largest_difference"] <= 1e-5


def test_the_studio_draws_the_same_images(run: Path, model: Model, isolated_home: Path) -> None:
    studio = next(serving := open_studio(run.parent))
    try:
        api = "/api/v1"
        asked = {"model": "style", "labels": "7", "per_class": 40, "seed": 2, "format": "npz", "truncation": 0.6}
        images = np.load(io.BytesIO(studio.get(f"{api}/sample", params=asked).content))["images"]
        np.testing.assert_array_equal(images, model.sample([7] * 40, seed=2, truncation=0.6))
        refused = studio.get(f"{api}/sample", params=asked | {"truncation": 1.5})
        assert refused.status_code == 400
        assert "--truncation 1.5" in refused.text
        text = {"model": "style", "text": "20", "style": 3, "scale": 1, "truncation": 0.6}
        with Image.open(io.BytesIO(studio.get(f"{api}/write", params=text).content)) as picture:
            np.testing.assert_array_equal(np.asarray(picture), digitgan.write(model, "20", style=3, truncation=0.6))
        spot = {"model": "style", "index": 5, "first": "3"}
        assert studio.get(f"{api}/spot", params={"model": "style", "index": 5}).json() == {"x": 0.0, "y": 0.0}
        morphs = [studio.get(f"{api}/morph", params=spot | place).content for place in ({}, {"x": 0, "y": 0}, {"x": 2})]
        assert morphs[0] == morphs[1] != morphs[2]
        assert studio.get(f"{api}/morph", params=spot | {"second": "8", "share": 0.5, "x": 1}).status_code == 200
    finally:
        serving.close()


def test_the_images_are_the_same_in_batches_of_any_size(model: Model) -> None:
    """Otherwise the studio would draw each request alone."""
    assert is_batch_invariant(model)


@pytest.mark.long
def test_two_processes_make_the_same_training_as_one(tmp_path: Path, isolated_home: Path) -> None:
    options = ["style", "--data=digits", *(f"--set={setting}" for setting in tiny.STYLE), "--set=updates.microbatches=2"]
    for count in (1, 2):
        finish(start(count, tmp_path / f"by-{count}", *options, "--images=480", "--seed=3"))
    alone, together = (RunFolder(tmp_path / f"by-{count}") for count in (1, 2))
    assert losses(together) == losses(alone)
    one, other = load_file(alone.model), load_file(together.model)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
