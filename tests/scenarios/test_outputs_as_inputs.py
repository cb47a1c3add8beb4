"""What digitgan wrote it reads: every output of images with every command that takes images."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import ImageSet, load_image_set
from tests import tiny
from tests.cli.commands import run

SAMPLE = ("sample", "--labels=1,3,7", "--per-class=40", "--quiet")
SHARDS = ("--shard-size=50", "--quiet")

OUTPUTS: dict[str, tuple[tuple[str, ...], str]] = {
    "NPZ": ((*SAMPLE, "--format=npz"), "out.npz"),
    "IDX": ((*SAMPLE, "--format=idx"), "out"),
    "Parquet": ((*SAMPLE, "--format=parquet"), "out.parquet"),
    "folder": ((*SAMPLE, "--format=folder"), "out"),
    "NPZ in shards": ((*SAMPLE, *SHARDS, "--format=npz"), "out"),
    "IDX in shards": ((*SAMPLE, *SHARDS, "--format=idx"), "out"),
    "Parquet in shards": ((*SAMPLE, *SHARDS, "--format=parquet"), "out"),
    "folder in shards": ((*SAMPLE, *SHARDS, "--format=folder"), "out"),
    "converted to NPZ": (("data", "convert", "drawn.npz", "out.npz", "--quiet"), "out.npz"),
    "converted to Parquet": (("data", "convert", "drawn.npz", "out.parquet", "--quiet"), "out.parquet"),
    "converted to IDX": (("data", "convert", "drawn.npz", "out.idx", "--quiet"), "out.idx"),
    "converted to a folder": (("data", "convert", "drawn.npz", "out", "--quiet"), "out"),
    "texts": (("write", "137", "--repeat=60", "--quiet"), "out"),
}


@pytest.fixture(params=OUTPUTS)
def output(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """Return the name and the path of an output."""
    monkeypatch.chdir(tmp_path)
    arguments, name = OUTPUTS[request.param]
    if "drawn.npz" in arguments:
        assert run(*SAMPLE, "--format=npz", "--out=drawn.npz") == 0
        assert run(*arguments) == 0
    else:
        assert run(*arguments, f"--out={name}") == 0
    return request.param, Path(name)


def drawn(found: ImageSet) -> dict[str, set[bytes]]:
    """Return the images of each class that has some, in any order."""
    return {
        name: {image.tobytes() for image in found.images[found.labels == label]}
        for label, name in enumerate(found.class_names)
        if (found.labels == label).any()
    }


def test_it_is_read_by_every_command(output: tuple[str, Path], tmp_path: Path) -> None:
    name, path = output
    found = load_image_set(str(path))
    if name == "texts":
        assert (found.class_names, found.images.shape) == (("137",), (60, 28, 84))
    else:
        assert run(*SAMPLE, "--format=npz", "--out=again.npz") == 0
        assert drawn(found) == drawn(load_image_set("again.npz"))
        assert run("evaluate", str(path), "--data=mnist", "--per-class-limit=30", "--report=report", "--quiet") == 0
    assert run("data", "verify", str(path), "--quiet") == 0
    assert run("data", "show", str(path), "--out=sheet.png", "--quiet") == 0
    assert run("data", "convert", str(path), "converted.npz", "--size=14", "--quiet") == 0
    assert load_image_set("converted.npz").images.shape[1:3] == (14, 14)
    recipe = ["dcgan", "--set", "generator.channels=[8,8,8]"] if name == "texts" else tiny.options()[:0]
    assert run("train", *recipe, f"--data={path}", "--images=128", "--dry-run", "--quiet") == 0


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_a_drawn_folder_is_read_from_an_archive_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*SAMPLE, "--format=folder", "--out=out") == 0
    packed = shutil.make_archive("packed", kind, "out")
    assert drawn(load_image_set(packed)) == drawn(load_image_set("out"))


def test_two_folders_are_compared_with_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        assert run("sample", "--per-class=60", f"--seed={seed}", "--format=folder", f"--out=drawn-{seed}", "--quiet") == 0
    assert run("evaluate", "drawn-1", "--data=drawn-2", "--report=report", "--json") == 0
    assert '"images": 600' in capsys.readouterr().out
    assert run("evaluate", "drawn-1", "--data=drawn-2", "--size=20", "--report=small", "--quiet") == 0
    with zipfile.ZipFile("half.zip", "w") as archive:
        for file in sorted(Path("drawn-1").glob("[01]/*.png")):
            archive.write(file)
    assert run("evaluate", "half.zip", "--data=drawn-2", "--report=half", "--quiet") == 0
    assert run("data", "convert", "drawn-1", "paper.npz", "--invert-colours", "--quiet") == 0
    capsys.readouterr()
    assert run("evaluate", "paper.npz", "--data=drawn-2", "--report=paper") == 0
    assert "--invert-colours" in capsys.readouterr().err
    assert run("evaluate", "paper.npz", "--data=drawn-2", "--report=ink", "--invert-colours") == 0
    assert "try --invert-colours" not in capsys.readouterr().err
    np.savez("other.npz", images=np.zeros((200, 20, 20), np.uint8), labels=np.arange(200) % 10)
    assert run("evaluate", "other.npz", "--data=drawn-2", "--report=none") == 2
    assert "20x20" in capsys.readouterr().err
