"""The wheel: built from the sources, installed away from them, and used as from the package index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.processes import ROOT

MAX_WHEEL_BYTES = 30_000_000


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the sdist; the wheel is built from the sdist, as `python -m build` does."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `digitgan` of an environment with the wheel, and the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel], check=True)
    # A path in a .pth file serves the packages of that folder, but not its .pth files: this installation is editable.
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin" / "digitgan"


def run(digitgan: Path, folder: Path, *argv: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DIGITGAN_DATA")}
    done = subprocess.run(
        [digitgan, *argv], cwd=folder, env=environment | {"HOME": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_complete_and_small(dist: Path, wheel: Path) -> None:
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()], check=True, capture_output=True)
    assert wheel.stat().st_size < MAX_WHEEL_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    listed = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert {name.removeprefix("src/") for name in listed} <= names
    assert all(name.startswith(("digitgan/", "digitgan-")) for name in names)


@pytest.mark.long
def test_the_installed_program_works_without_the_sources(installed: Path, tmp_path: Path) -> None:
    where = [installed.with_name("python"), "-c", "import digitgan; print(digitgan.__file__)"]
    module = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert module.startswith(str(installed.parents[1]))
    assert json.loads(run(installed, tmp_path, "sample", "--labels", "7", "--json"))["images"] == 10
    run(installed, tmp_path, "write", "2026")
    assert (tmp_path / "2026.png").is_file()
    facts = json.loads(run(installed, tmp_path, "train", "--images", "1000", "--out", "run", "--json"))
    assert facts["images_seen"] >= 1000
    assert facts["data"]["images"] == 60_000
    assert "--reference" in run(installed, tmp_path, "evaluate", "--help")


def test_the_installed_studio_answers(installed: Path, tmp_path: Path) -> None:
    command = [installed, "serve", "runs", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path)}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["url"]
            for path, begin in (("", b"<!doctype html>"), ("api/v1/sample?labels=7", b"\x89PNG")):
                with urllib.request.urlopen(address + path) as answer:
                    assert answer.read(100).lower().startswith(begin.lower())
        finally:
            process.terminate()
