"""The example package that extends digitgan: installed by pip, used by name on the command line, missed when it is gone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from digitgan.lookup import missing_origin
from tests import tiny
from tests.processes import PATIENCE
from tests.trainings import ROOT

Finished = subprocess.CompletedProcess[str]
WithPlugin = Callable[..., Finished]
PLUGIN = ROOT / "examples" / "plugin"
DENSE = (
    "--set=generator.family=dense",
    "--set=generator.latent=16",
    "--set=generator.units=24",
    "--set=discriminator.family=dense",
)
LOSSES = ("--set=loss.name=relativistic-average-hinge", "--set=penalty.name=wgan-lp")


def installed(source: Path, target: Path) -> Path:
    """Install a package without its dependencies into a folder."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, f"--target={target}", str(source)], check=True, capture_output=True, text=True, timeout=PATIENCE)
    return target


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the example package is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PLUGIN, folder / "source")  # setuptools writes its build folder beside the source
    return installed(source, folder / "installed")


@pytest.fixture
def command(isolated_home: Path, tmp_path: Path) -> WithPlugin:
    """Return a function that runs `digitgan ARGV` with folders of additional packages."""

    def started(*argv: str, packages: tuple[Path, ...] = ()) -> Finished:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, packages))}
        line = [sys.executable, "-m", "digitgan", *argv]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)

    return started


def train(*settings: str, out: str) -> tuple[str, ...]:
    own = [option for option in tiny.options() if not option.startswith(("--set=generator.", "--set=discriminator."))]
    return ("train", *own, *settings, "--out", out, "--quiet")


def succeeded(done: Finished) -> Finished:
    assert done.returncode == 0, done.stderr
    return done


def refused(done: Finished) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.long
def test_a_plugin_is_used_by_name_and_missed_by_name(
    command: WithPlugin, plugin: Path, caches_at_hand: None, tmp_path: Path
) -> None:
    with_plugin = (plugin,)
    assert (
        "digitgan.losses: relativistic-average-hinge (digitgan-example 1.0)" in command("doctor", packages=with_plugin).stdout
    )
    succeeded(command(*train(*DENSE, *LOSSES, out="run"), packages=with_plugin))
    origins = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["origins"]
    assert set(origins.values()) == {"package digitgan-example 1.0"}
    assert set(origins) >= {"generator.family=dense", "loss.name=relativistic-average-hinge", "penalty.name=wgan-lp"}

    evaluated = command("evaluate", "run", "--images", "500", "--json", packages=with_plugin)
    metric = json.loads(succeeded(evaluated).stdout)["metrics"]["class_mean_distance"]
    assert metric["value"] > metric["baseline"] > 0
    assert "Class mean distance" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")

    exported = command("export", "run", "--format", "numpy", "--json", packages=with_plugin)
    assert json.loads(succeeded(exported).stdout)["largest_difference"] == 0
    with np.load(tmp_path / "generator.npz") as archive:
        assert "layers.0.weight" in archive.files

    longer = ("train", "--resume", "--out", "run", "--images", str(2 * tiny.IMAGES), "--quiet")
    for argv in (("sample", "run"), ("export", "run", "--format", "onnx"), longer):
        assert "digitgan-example (version 1.0), which is not installed" in refused(command(*argv)), argv
    succeeded(command(*longer, packages=with_plugin))
    succeeded(command("sample", "run", "--quiet", packages=with_plugin))

    said = refused(command(*train(*DENSE, "--set=loss.name=relativistic-hinge", out="other"), packages=with_plugin))
    assert "relativistic" in said
    said = refused(command(*train(*DENSE, "--set=generator.unit=9", out="other"), packages=with_plugin))
    assert "'units'" in said
    assert "takes labels" in refused(command(*train(*DENSE, out="other"), "--unconditional", packages=with_plugin))
    assert "'numpy'" in refused(command("export", "run", "--format", "nump", packages=with_plugin))


def test_a_loss_is_needed_to_resume_and_not_to_generate(command: WithPlugin, plugin: Path, tmp_path: Path) -> None:
    options = ("train", *tiny.options(), *LOSSES, "--set=discriminator.label_input=projection", "--out", "run", "--quiet")
    succeeded(command(*options, packages=(plugin,)))
    succeeded(command("sample", "run", "--quiet"))
    said = refused(command("train", "--resume", "--out", "run", "--images", str(2 * tiny.IMAGES), "--quiet"))
    assert "relativistic-average-hinge" in said
    assert "digitgan-example" in said


def test_a_reader_of_a_plugin(command: WithPlugin, plugin: Path, tmp_path: Path) -> None:
    def line(label: int) -> str:
        pixels = ["1.0000" if place % 16 == label else "0.0000" for place in range(256)]
        return " ".join([*pixels, *("1" if label == each else "0" for each in range(10))])

    path = tmp_path / "semeion.data"
    path.write_text("\n".join(line(index % 10) for index in range(100)) + "\n", encoding="utf-8")
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    assert "a Semeion file" in refused(command("data", "verify", "other.txt", packages=(plugin,)))
    found = json.loads(succeeded(command("data", "verify", "semeion.data", "--json", packages=(plugin,))).stdout)["train"]
    assert (found["images"], found["shape"]) == (100, [1, 16, 16])
    path.write_text(line(3) + "\n1 0 1\n", encoding="utf-8")
    assert "wrong lines: 2" in refused(command("data", "verify", "semeion.data", packages=(plugin,)))


def package(folder: Path, name: str, groups: str, code: str = "") -> Path:
    """Write and install a package with these entry points in TOML."""
    module = name.replace("-", "_")
    source = folder / f"{name}-source"
    (source / module).mkdir(parents=True)
    (source / module / "__init__.py").write_text(code, encoding="utf-8")
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    (source / "pyproject.toml").write_text(f'{build}[project]\nname = "{name}"\nversion = "2.5"\n{groups}', encoding="utf-8")
    return installed(source, folder / name)


@pytest.mark.long
def test_faults_of_a_plugin_are_told_when_its_name_is_used(
    command: WithPlugin, plugin: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("faulty")
    groups = (
        '[project.entry-points."digitgan.losses"]\n'
        'hinge = "doubled:x"\nbroken = "doubled.nothing:x"\nwrong = "doubled:wrong"\nclass = "doubled:Mine"\n'
        'relativistic-average-hinge = "doubled:x"\n'
        '[project.entry-points."digitgan.loses"]\nlost = "doubled:x"\n'
    )
    code = "from digitgan.plugins import Loss\nwrong = 3\nclass Mine(Loss):\n    pass\n"
    faulty = package(folder, "doubled", groups, code)
    succeeded(command(*train(out="healthy"), packages=(faulty, plugin)))
    listed = succeeded(command("doctor", packages=(faulty, plugin))).stdout
    for name, words in (
        ("losses: broken", "ModuleNotFoundError"),
        ("losses: wrong", "int"),
        ("loses: lost", "'digitgan.losses'"),
    ):
        assert re.search(rf"digitgan\.{name} \(doubled 2\.5\): .*{words}", listed), listed
    assert re.search(r"numpy \(digitgan-example 1\.0\)$", listed, re.M)
    for name, words in (
        ("hinge", ("doubled 2.5", "digitgan.losses", "uninstall")),
        ("relativistic-average-hinge", ("doubled 2.5", "digitgan-example 1.0")),
        ("broken", ("doubled 2.5", "ModuleNotFoundError", "repair or uninstall")),
        ("wrong", ("doubled 2.5", "digitgan.training.losses.Loss", "int")),
        ("class", ("doubled 2.5", "the class Mine")),
    ):
        said = refused(command(*train(f"--set=loss.name={name}", out="other"), packages=(faulty, plugin)))
        assert all(word in said for word in words), said
        assert not (tmp_path / "other").exists()


def test_what_a_record_says_of_missing_origins() -> None:
    assert missing_origin(None) == missing_origin({}) == missing_origin("damaged") == ""
    assert missing_origin({"loss.name=x": "package numpy 1.0", "loss.name=y": "module json"}) == ""
    assert "package not-there (version 1.0)" in missing_origin({"loss.name=x": "package not-there 1.0"})
    assert "a script" in missing_origin({"loss.name=x": "module __main__"})
    assert "module not_there; import it" in missing_origin({"loss.name=x": "module not_there"})
    assert missing_origin({"loss.name=x": 7}) != ""
