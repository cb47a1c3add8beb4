"""Tests of the table of recipes, single settings, the conversion to and from TOML, and their errors."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from digitgan.errors import RecipeError, RenamedWarning
from digitgan.recipes import (
    ALIASES,
    BLANK,
    RECIPES,
    differences,
    find_recipe,
    from_toml,
    read_recipe,
    to_toml,
    with_settings,
)


@pytest.mark.parametrize("name", RECIPES)
def test_toml_there_and_back_is_the_same_recipe(name: str) -> None:
    recipe = RECIPES[name]
    assert from_toml(to_toml(recipe), "recipe.toml") == recipe
    assert from_toml(to_toml(recipe), "recipe.toml", BLANK) == recipe


def test_text_with_quotes_and_control_characters_survives() -> None:
    recipe = dataclasses.replace(find_recipe("fast"), description='a "quoted" \\ line\nand another\t\x7f')
    assert from_toml(to_toml(recipe), "recipe.toml") == recipe


def test_settings_change_only_what_they_name() -> None:
    recipe = with_settings(find_recipe("fast"), ["penalty.gamma=2", "generator.channels=[32, 16]", "loss.name=non-saturating"])
    assert recipe.penalty.gamma == 2.0
    assert isinstance(recipe.penalty.gamma, float)
    assert recipe.generator.channels == (32, 16)
    assert recipe.loss.name == "non-saturating"
    assert [line.split(":")[0] for line in differences(find_recipe("fast"), recipe)] == [
        "generator.channels",
        "loss.name",
        "penalty.gamma",
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("generator.mixing=0.5", "'mixing'.*'convolutional'"),
        ("penalty.path_length=-1", "-1.*0 to 10000"),
        ("penalty.gama=1", "'gama'.*'penalty'.*did you mean 'gamma'"),
        ("penlty.gamma=1", "'penlty': did you mean 'penalty'"),
        ("penalty.gamma", "section.key=value"),
        ("gamma=1", "section.key=value.*penalty.gamma"),
        ("learning_rate=1", "section.key=value.*optimizer.generator_learning_rate"),
        ("nothing=1", "section.key=value.*for example"),
        ("training.ema=0.9", "'ema'.*did you mean ema.decay"),
        ("optimizer.lr=0.01", "optimizer.generator_learning_rate or optimizer.discriminator_learning_rate"),
        ("training.gamma=1", "'gamma'.*'training'.*did you mean penalty.gamma"),
        ("training.learning_rate=1", "optimizer.generator_learning_rate or optimizer.discriminator_learning_rate"),
        ("penalty.gamma=-1", "-1.*0 to 10000"),
        ("penalty.gamma=nan", "nan.*0 to 10000"),
        ("penalty.gamma=high", '"high".* number'),
        ("penalty.interval=1.5", "1.5.*whole number"),
        ("penalty.interval=true", "true.*whole number"),
        ("training.batch_size=0", "0.*2 to 65536"),
        ("generator.channels=[]", "list"),
        ("generator.channels=[64, 0]", "1 to 4096"),
        ("generator.channels=64", "list"),
        ("loss.name=3", "3.*text"),
        ("discriminator.label_biases=1", "true or false"),
        ("optimizer.decay=liner", "did you mean 'linear'"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_be_right(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace("(", r"\(")) as caught:
        with_settings(find_recipe("fast"), [setting])
    assert setting.split("=")[0] in str(caught.value)


@pytest.mark.parametrize("former", ALIASES)
def test_a_former_name_finds_todays_recipe_and_warns(former: str) -> None:
    with pytest.warns(RenamedWarning, match=ALIASES[former]):
        assert find_recipe(former) is RECIPES[ALIASES[former]]
    with pytest.warns(RenamedWarning, match=ALIASES[former]):
        assert from_toml(f'base = "{former}"', "test") == RECIPES[ALIASES[former]]


def test_a_former_setting_warns_in_a_request_and_not_in_a_record() -> None:
    with pytest.warns(RenamedWarning, match="training.balance=uniform"):
        assert with_settings(BLANK, ["training.balanced=true"]).training.balance == "uniform"
    with pytest.warns(RenamedWarning, match="mine.toml, line 2"):
        assert from_toml("[training]\nbalanced = false", "mine.toml").training.balance == "none"
    assert (
        from_toml("[training]\nbalanced = true", "a run's recipe", BLANK).training.balance == "uniform"
    )  # a warning is an error


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="'fats': unknown; did you mean 'fast'"):
        find_recipe("fats")


def test_a_file_changes_the_recipe_it_is_based_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "fast"\nname = "mine"\n[penalty]\ngamma = 0.5\n', encoding="utf-8")
    recipe = read_recipe(path)
    assert recipe.name == "mine"
    assert recipe.penalty.gamma == 0.5
    assert recipe.optimizer == find_recipe("fast").optimizer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[penalty]\n\ngama = 1\n", r"mine\.toml, line 3: .*'gama'.*did you mean 'gamma'"),
        ("[penlty]\ngamma = 1\n", r"mine\.toml, line 1: .*'penlty'.*did you mean 'penalty'"),
        ("penalty = 3\n", r"mine\.toml, line 1: .*'penalty'.*\[penalty\]"),
        ('base = "fats"\n', "'fats'"),
        ("base = 3\n", r"mine\.toml: base = 3"),
        ("name = 3\n", r"mine\.toml, line 1: name = 3"),
        ("[penalty\n", r"mine\.toml: .*TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: "):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"binary\.toml: "):
        read_recipe(tmp_path / "binary.toml")


def test_listing_recipes_imports_nothing_heavy() -> None:
    code = "import sys, digitgan.recipes; assert not {'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
