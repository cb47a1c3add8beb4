"""The console blocks of README and docs: every command runs, made small; the others are checked as far as they can be."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitgan.cli.entry import COMMANDS, GROUPS
from digitgan.cli.parser import parse
from digitgan.data import ImageSet, write_idx
from digitgan.generation.writers import WRITERS
from tests.scenarios.conftest import Digitgan
from tests.trainings import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

SMALLER = (
    (r"--minutes [\d.]+", "--images 64"),
    (r"--(?:images|epochs) \d+", "--images 64"),
    (r"--per-class \d+", "--per-class 12"),
    (r"--count \d+", "--count 40"),
    (r"--shard-size \d+", "--shard-size 10"),
    (r"^train (?!.*--(?:images|resume|dry-run|help))", "train --images 64 "),
    (r"^train (?!.*--(?:resume|dry-run))", "train --set training.batch_size=16 --set training.snapshots=1 "),
    (r"^evaluate(?! images| mine)", "evaluate --images 200"),
)
"""What makes a command quick, and changes nothing else about it."""

BOUND_ONLY = ("serve", "compare", "--statement", "--train-on-synthetic", "--inception", "--min-confidence")
"""Commands that run for minutes, or need what is not here: their arguments are parsed, and other tests run them."""


def commands(page: Path) -> list[str]:
    """The commands of a page's console blocks, without their comments."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines]


def small(command: str) -> list[str]:
    """The arguments of a `digitgan` command, made quick."""
    text = command.removeprefix("digitgan ")
    for pattern, replacement in SMALLER:
        text = re.sub(pattern, replacement, text)
    return shlex.split(text)


@pytest.fixture
def workplace(here: Digitgan, mnist_caches_at_hand: None, tmp_path: Path, digits: ImageSet) -> Digitgan:
    """A folder with the files and runs that the pages speak of."""
    few = digits.images[:200]
    WRITERS.find("folder").write(tmp_path / "FOLDER", [few], digits.labels[:200], digits.class_names)
    WRITERS.find("npz").write(tmp_path / "images.npz", [few], digits.labels[:200], digits.class_names)
    seven = few[int(np.flatnonzero(digits.labels[:200] == 7)[0])]
    Image.fromarray(255 - np.pad(seven, 60)).convert("RGB").save(tmp_path / "my-seven.jpg")
    shutil.make_archive(str(tmp_path / "phone-photos"), "zip", tmp_path / "FOLDER")
    rows = np.column_stack([digits.labels[:200], few.reshape(200, -1)])
    (tmp_path / "mnist-in-csv").mkdir()
    for split in ("train", "test"):
        np.savetxt(tmp_path / "mnist-in-csv" / f"mnist_{split}.csv", rows, "%d", ",")
    pets = np.random.default_rng(0).integers(0, 256, (120, 32, 32, 3), dtype=np.uint8)
    for split in ("train", "test"):
        path = tmp_path / "cifar10" / "plain_text" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS.find("parquet").write(path, [pets], np.arange(120) % 3, ["cat", "dog", "ship"])
    write_idx(tmp_path / "images-idx3-ubyte", few)
    (tmp_path / "mine.toml").write_text('base = "fast"\n[penalty]\ngamma = 0.3\n', encoding="utf-8")
    return here


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page, id=page.stem, marks=[pytest.mark.long] if page.stem in ("README", "beyond-digits", "five-systems") else []
        )
        for page in PAGES
        if any(line.startswith("digitgan ") for line in commands(page))
    ],
)
def test_the_commands_of_a_page_run(page: Path, workplace: Digitgan, digitgan: Digitgan, tmp_path: Path) -> None:
    for command in sorted(filter(lambda line: line.startswith("digitgan "), commands(page)), key=_place):
        argv = small(command)
        if any(word in command for word in BOUND_ONLY):
            assert callable(parse(argv, COMMANDS, GROUPS, "")), command
            continue
        call = digitgan if "keras" in command else workplace  # Keras changes the process that imports it
        done = call(*(word.replace("@1497600", "@64") for word in argv), *_replacing(argv))
        assert done.returncode == 0, f"{command}\n{argv}\n{done.stderr}"
        if "--format keras" in command:  # the page imports a generator from Keras, whose path is the reader's
            shutil.copy(next(tmp_path.rglob("generator.keras")), tmp_path)


def _place(command: str) -> int:
    """Runs are trained before they are used, and what is imported is exported before; otherwise in the page's order."""
    first = command.split()[1]
    if first == "train":
        return int("--from" in command or "--resume" in command)
    return 2 if first == "export" else 3


def _replacing(argv: list[str]) -> list[str]:
    """Several pages write to one path; a reader would have chosen another."""
    takes = argv[0] in ("sample", "evaluate", "export", "walk", "invert", "write", "import")
    return ["--overwrite"] if (takes and "--resume" not in argv and "--out" in argv) or argv[0] == "evaluate" else []


def test_every_other_command_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    kinds: dict[str, Callable[[list[str]], Any]] = {
        "make": lambda words: words[1] in targets,
        "pip": lambda words: words[1] == "install" and (ROOT / words[words.index("-c") + 1]).is_file(),
        "torchrun": lambda words: parse(
            [word for word in words[words.index("digitgan") + 1 :] if word != "…"], COMMANDS, GROUPS, ""
        ),
        "curl": lambda words: any("localhost:8000/" in word for word in words),
    }
    found = [command for page in PAGES for command in commands(page) if not command.startswith("digitgan ")]
    assert found
    for command in found:
        words = shlex.split(command)
        assert words[0] in kinds, command
        assert kinds[words[0]](words), command
