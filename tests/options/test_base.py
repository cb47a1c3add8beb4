"""Options: their conversion to a command line and from a Python call, their help, their checks."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import digitgan
from digitgan import options
from digitgan.cli.entry import ABOUT, COMMANDS, GROUPS
from digitgan.cli.parser import parse
from digitgan.errors import UsageError
from digitgan.options import (
    CompareOptions,
    DataOptions,
    EvaluateOptions,
    ExportOptions,
    ImportOptions,
    InvertOptions,
    SampleOptions,
    TrainOptions,
    WalkOptions,
    WriteOptions,
    arguments_of,
    fill_in_tables,
    help_of,
    make_options,
)

COMMAND_OF = {
    TrainOptions: "train",
    CompareOptions: "compare",
    SampleOptions: "sample",
    WriteOptions: "write",
    WalkOptions: "walk",
    InvertOptions: "invert",
    EvaluateOptions: "evaluate",
    ExportOptions: "export",
    ImportOptions: "import",
}

GIVEN = [
    TrainOptions(
        "wgan-gp", data="digits", minutes=0.5, seed=3, settings=("penalty.gamma=1", "loss.name=hinge"), tensorboard=True
    ),
    TrainOptions(images=1000, config=Path("a b.toml"), device="cuda", tensorboard=True, overwrite=True),
    TrainOptions(data="pictures", size="48x32", fit="pad", background="#336699", classes=("a", "b, c", 'd "e"'), strict=True),
    CompareOptions(("runs/a", "runs/b"), draw=500, out=Path("here")),
    CompareOptions(("fast", "acgan"), seeds=2, images=100, settings=("training.batch_size=8",)),
    SampleOptions("runs/a", labels="1,3", per_class=7, weights="0:3", truncation=0.5, format="npz", shard_size=10, workers=2),
    WriteOptions("20-26", "mnist", style=4, repeat=2),
    WalkOptions(kind="grid", labels="0-3", latent=Path("z.npy"), interpolation="linear", format="frames"),
    InvertOptions(Path("seven.png"), label="7", seed=2),
    EvaluateOptions("images.npz", reference="train", train_on_synthetic=True, report=Path("r")),
    ExportOptions("runs/a", format="keras", with_discriminator=True, quantize="int8"),
    ImportOptions(Path("m.json"), weights=Path("m.weights.h5"), class_names=("zero", "one", "two three")),
]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: " ".join(arguments_of(given))[:40])
def test_the_command_line_of_options_parses_to_the_same_options(given: Any) -> None:
    bound = parse([COMMAND_OF[type(given)], *arguments_of(given)], COMMANDS, GROUPS, ABOUT)
    assert isinstance(bound, functools.partial)
    assert given in [*bound.args, *bound.keywords.values()]


def test_an_option_at_its_default_is_not_in_the_command_line() -> None:
    assert arguments_of(SampleOptions(seed=0, count=5)) == ["--count", "5"]


def test_every_options_class_belongs_to_a_command() -> None:
    named = [getattr(options, name) for name in options.__all__]
    declared = {each for each in named if isinstance(each, type) and dataclasses.is_dataclass(each)}
    assert declared == {*COMMAND_OF, DataOptions}  # the base class of some of them


@pytest.mark.parametrize("kind", COMMAND_OF)
def test_every_option_has_a_help(kind: type[Any]) -> None:
    texts = help_of(kind)
    assert list(texts) == [field.name for field in dataclasses.fields(kind)]
    assert all(len(text.split()) >= 2 for text in texts.values())


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("resume", {"--shard-size", "--out"}),
        ("statement", {"--shard-size"}),
        ("weights", {"--count"}),
        ("data", {"--min-confidence", "--unique", "--statement"}),
        ("per_class_limit", {"--min-confidence", "--unique", "--statement"}),
    ],
)
def test_the_help_of_sample_names_the_options_that_an_option_requires(option: str, named: set[str]) -> None:
    assert named <= set(re.findall(r"--[a-z-]+", help_of(SampleOptions)[option]))


@pytest.mark.parametrize("kind", [SampleOptions, WriteOptions, WalkOptions, InvertOptions, EvaluateOptions, ExportOptions])
def test_the_help_of_a_model_names_the_models_of_a_run(kind: type[Any]) -> None:
    texts = help_of(kind)
    assert "RUN@best" in texts["source" if "source" in texts else "model"]


def test_the_names_of_a_table_are_filled_in() -> None:
    assert fill_in_tables("one of {digitgan.recipes:RECIPES}.").startswith("one of fast, ")
    assert "huggingface" in (digitgan.export.__doc__ or "")


@pytest.mark.parametrize(
    ("function", "kind", "own"),
    [
        (digitgan.train, TrainOptions, {"progress"}),
        (digitgan.evaluate, EvaluateOptions, {"notify"}),
        (digitgan.compare, CompareOptions, {"progress"}),
        (digitgan.export, ExportOptions, {"notify"}),
        (digitgan.import_keras, ImportOptions, set()),
    ],
)
def test_a_function_of_the_api_takes_and_explains_every_option(function: Any, kind: type[Any], own: set[str]) -> None:
    parameters = inspect.signature(function).parameters
    assert set(parameters) == {field.name for field in dataclasses.fields(kind)} | own
    assert all(f"{name}: " in function.__doc__ for name in parameters)


def test_paths_strings_and_lists_are_converted() -> None:
    made = make_options(CompareOptions, {"what": [Path("runs/a"), "b"], "out": "there", "settings": ["a.b=1"]})
    assert made == CompareOptions(("runs/a", "b"), out=Path("there"), settings=("a.b=1",))
    assert make_options(EvaluateOptions, {"source": Path("runs/a")}).source == "runs/a"


@pytest.mark.parametrize(
    ("kind", "values", "names"),
    [
        (TrainOptions, {"imges": 5}, ("'imges'", "images")),
        (TrainOptions, {"set": ["a.b=1"]}, ("'set'", "'settings'")),
        (CompareOptions, {"set": ["a.b=1"]}, ("'set'", "'settings'")),
        (TrainOptions, {"images": "5"}, ("images", "'5'")),
        (TrainOptions, {"images": True}, ("images", "True")),
        (TrainOptions, {"settings": "a.b=1"}, ("settings", "list")),
        (TrainOptions, {"device": "gpu"}, ("device", "'gpu'", "cpu")),
        (EvaluateOptions, {"reference": "tset"}, ("reference", "'tset'", "test")),
        (CompareOptions, {"what": "fast"}, ("what", "list")),
        (CompareOptions, {"what": ["fast", 3]}, ("what", "list")),
        (WriteOptions, {"text": 2026}, ("text", "2026", "str")),
        (ImportOptions, {"source": "m.keras", "class_names": "a,b"}, ("class_names", "list")),
    ],
)
def test_a_wrong_option_is_named(kind: type[Any], values: dict[str, Any], names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        make_options(kind, values)
    assert all(name in str(caught.value) for name in names), caught.value
