"""Errors of the command line: one line each, made from what tyro prints. These tests pin the parts of tyro's output in use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from digitgan.cli.entry import ABOUT, COMMANDS, GROUPS
from digitgan.cli.parser import parse
from digitgan.errors import UsageError
from digitgan.options import TYPE_NAMES
from tests import processes

WRONG = {
    "a value of another type": (["train", "--images", "many"], ("--images", "'many'")),
    "a value outside a choice": (["train", "--device", "tpu"], ("--device", "tpu", "cuda")),
    "a missing value": (["train", "--seed"], ("--seed",)),
    "a missing argument": (["write"], ("TEXT",)),
    "an argument too many": (["doctor", "now"], ("now",)),
    "options that exclude each other": (["train", "--images", "5", "--minutes", "1"], ("--images", "--minutes")),
    "an unknown option": (["train", "--imges", "5"], ("--imges", "--images")),
    "an unknown command": (["trian"], ("trian", "train")),
    "an unknown second word": (["data", "shwo"], ("shwo", "show")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_error_is_one_line_that_names_what_is_wrong(wrong: str) -> None:
    argv, names = WRONG[wrong]
    with pytest.raises(UsageError) as caught:
        parse(argv, COMMANDS, GROUPS, ABOUT)
    message = str(caught.value)
    assert all(name in message for name in names), message
    assert "\n" not in message
    assert not set("│╭╰─") & set(message)


@pytest.mark.parametrize("wrong", ["a value of another type", "options that exclude each other"])
def test_errors_are_the_same_where_the_terminal_has_no_unicode(wrong: str) -> None:
    argv, names = WRONG[wrong]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LC_")} | {
        "LANG": "C",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
    }
    done = subprocess.run([sys.executable, "-m", "digitgan", *argv], env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in names), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "option", "kind"),
    [
        (["train", "--seed", "abc"], "--seed 'abc': ", int),  # may be None
        (["sample", "--seed", "1.5"], "--seed '1.5': ", int),
        (["serve", "--port", "x"], "--port 'x': ", int),
        (["sample", "--workers", "it's"], '--workers "it\'s": ', int),
        (["train", "--images", "it's"], '--images "it\'s": ', int),
        (["train", "--minutes", "x"], "--minutes 'x': ", float),
        (["sample", "--min-confidence", "abc"], "--min-confidence 'abc': ", float),
    ],
)
def test_every_option_with_a_number_has_one_style_of_error(argv: list[str], option: str, kind: type) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv, COMMANDS, GROUPS, ABOUT)
    assert str(caught.value).startswith(option)
    assert str(caught.value).endswith(TYPE_NAMES[kind])


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("export", ("onnx", "keras", "torch", "huggingface", "web", "int8")),
        ("sample", ("png", "folder", "npz", "idx", "parquet")),
        ("walk", ("latents", "classes", "grid", "origin", "neighbours", "directions")),
        ("train", ("mask-cgan-fixed", "acgan", "mnist")),
    ],
)
def test_help_lists_the_names_of_the_tables(command: str, names: tuple[str, ...]) -> None:
    # In a process of its own: tyro reads a docstring once, and other tests have parsed these commands without asking for help.
    help_command = [sys.executable, "-m", "digitgan", command, "--help"]
    done = processes.run(help_command, capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in names)
    assert "{digitgan" not in done.stdout
