"""Tests of the command line: output, and one message with exit code 2 for each user error."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.cli.entry import COMMANDS
from digitgan.data import load_image_set, write_idx
from digitgan.model.file import Model, save_model
from digitgan.networks import ImageSpec, build_generator
from digitgan.recipes import ALIASES, find_recipe
from tests import tiny
from tests.cli.commands import run


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder, with an empty home."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def picture(path: str | Path) -> tuple[str, np.ndarray]:
    """Return mode and pixels of an image file."""
    with Image.open(path) as image:
        return image.mode, np.asarray(image)


def files() -> list[str]:
    """Return all paths in the working folder."""
    return sorted(str(path.relative_to(Path.cwd())) for path in Path.cwd().rglob("*"))


TINY = tiny.options()


# --- errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("trian",), "'trian': .*'train'"),
        (("data", "shwo"), "'data shwo': .*'show'"),
        (("train", "--sed", "3"), "'--sed': .*'--seed'"),
        (("train", "fats"), "'fats': .*'fast'"),
        (("recipes", "fats"), "'fats': .*'fast'"),
        (("recipes", "fast", "--out", "fast.toml"), "--out: .*--diagram"),
        (("recipes", "fast", "--summary", "--out", "fast.txt"), "--out: .*--diagram"),
        (("recipes", "--overwrite"), "--overwrite: .*--diagram"),
        (("recipes", "fast", "--untrained", "--out", "fast.png"), "--out: .*--diagram"),
        (("recipes", "fast", "--diagram", "--untrained"), "--untrained, --diagram"),
        (("recipes", "fast", "--summary", "--untrained"), "--untrained, --summary"),
        (("train", "--data=mnits"), "'mnits': .*'mnist'"),
        (("data", "verify", "digts"), "'digts': .*'digits'"),
        (("train", "--device=gpu"), "--device"),
        (("train", "--images=0"), "--images 0: "),
        (("train", "--images=many"), "--images .*'many'"),
        (("train", "--images=5", "--minutes=1"), "--images.*--minutes"),
        (("train", "--set=penalty.gama=1"), "'gama' .*'penalty'.*'gamma'"),
        (("train", "--set=loss.name=hinje", "--data=digits"), r"loss\.name = 'hinje': .*'hinge'"),
        (("train", "--config=none.toml"), r"none\.toml: "),
        (("train", "--resume"), "--resume.*--out"),
        (("train", "--resume", "--out=nowhere"), "nowhere: "),
        (("train", "one", "two"), r"\btwo\b"),
        (("sample", "nowhere"), "'nowhere'"),
        (("sample", ""), "sample '': "),
        (("walk", ""), "walk '': "),
        (("evaluate", ""), "evaluate '': "),
        (("animate", ""), "animate '': "),
        (("write", "7", ""), "7 '': "),
        (("train", "--out", ""), "--out '': "),
        (("train", "--out="), "--out '': "),
        (("animate", "nowhere"), "nowhere: "),
        (("plot", "nowhere"), "nowhere: "),
        (("data", "show", "--split=middle"), "--split"),
        (("--completion", "bsh"), "--completion 'bsh': .*'bash'"),
        (("--vresion",), "'--vresion': .*'--version'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_clear_message_and_nothing_left_behind(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.search(message, printed.err)
    assert printed.err.startswith("digitgan: ")
    assert "Traceback" not in printed.err
    assert files() == []


def make_idx(folder: Path) -> None:
    generator = np.random.default_rng(0)
    folder.mkdir()
    write_idx(folder / "train-images-idx3-ubyte", generator.integers(0, 256, (80, 28, 28)).astype(np.uint8))
    write_idx(folder / "train-labels-idx1-ubyte", (np.arange(80) % 10).astype(np.uint8))


def cut_off(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])


def empty(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(b"")


def wrong_magic(folder: Path) -> None:
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(b"\x00\x00\x0d\x03" + path.read_bytes()[4:])


def missing_labels(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte").unlink()


def mislabelled(folder: Path) -> None:
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    content = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(content)


def promises_terabytes(folder: Path) -> None:
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**15, 2**15)
    (folder / "train-images-idx3-ubyte").write_bytes(header + bytes(100))


@pytest.mark.parametrize("damage", [cut_off, empty, wrong_magic, missing_labels, mislabelled, promises_terabytes])
def test_a_damaged_data_file_is_named(damage, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    make_idx(Path("data"))
    damage(Path("data"))
    before = files()
    assert run("train", "--data=data", "--images=64", "--out=run") == 2
    complaint = capsys.readouterr().err
    assert "train-" in complaint
    assert complaint.startswith("digitgan: ")
    assert files() == before


def test_labels_outside_the_classes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("bad.npz", images=np.zeros((4, 28, 28), np.uint8), labels=[0, 1, 2, 7], class_names=["a", "b", "c"])
    assert run("data", "verify", "bad.npz") == 2
    assert re.search(r"bad\.npz.* 7 .*\b3\b", capsys.readouterr().err)


def test_images_of_mixed_size_are_brought_to_one_size_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    for number, size in enumerate([28, 28, 32]):
        path = Path("set") / "a" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (size, size), 200).save(path)
    assert run("train", "dcgan", "--data=set", "--images=64", "--out=run", "--dry-run") == 0
    assert re.search("28x28.*32x32.*--size", capsys.readouterr().err)
    assert run("train", "dcgan", "--data=set", "--images=64", "--out=run", "--strict") == 2
    assert re.search("--strict.*\n.*32x32", capsys.readouterr().err)
    assert not Path("run").exists()
    assert run("train", "dcgan", "--data=set", "--images=64", "--out=run", "--strict", "--size=28", "--dry-run") == 0


def test_images_of_a_size_that_the_networks_cannot_make_are_drawn_in_that_size(capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 31, 29), dtype=np.uint8)
    np.savez("odd.npz", images=noise, labels=np.arange(40) % 2)
    assert run("train", *tiny.options(data="odd.npz"), "--out=run", "--dry-run") == 0
    assert re.search("29x31.*32x32.*cut", capsys.readouterr().out)
    assert run("train", *tiny.options(data="odd.npz"), "--out=run", "--quiet") == 0
    assert run("sample", "run", "--count=5", "--format=npz", "--out=drawn.npz", "--quiet") == 0
    assert np.load("drawn.npz")["images"].shape == (5, 31, 29)
    assert run("train", "--resume", "--out=run", "--images=400", "--quiet") == 0
    np.savez("tiny.npz", images=noise[:, :2, :2], labels=np.arange(40) % 2)
    assert run("train", "fast", "--data=tiny.npz", "--images=64", "--out=none") == 2
    assert "2x2" in capsys.readouterr().err
    assert not Path("none").exists()


@pytest.fixture
def trained(tiny_run: Path) -> Path:
    """Return a copy of a finished run in the working folder."""
    return Path(shutil.copytree(tiny_run, "run"))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--labels=12",), "--labels 12: "),
        (("--labels=8-12",), "--labels 8-12: "),
        (("--labels=seven",), "--labels 'seven': "),
        (("--labels=",), "--labels '': "),
        (("--per-class=0",), "--per-class 0: "),
        (("--count=-3",), "--count -3: "),
        (("--count=3", "--per-class=3"), "--per-class, --count: "),
        (("--count=100000000000",), "100,000,000,000"),
        (("--seed=-1",), "--seed -1"),
        (("--format=jpg",), "--format 'jpg'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_sample_refuses_what_cannot_be_drawn(
    trained: Path, argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files()
    assert run("sample", "run", *argv) == 2
    assert message in capsys.readouterr().err
    assert files() == before


def test_a_wrong_snapshot_names_the_nearest_as_it_is_typed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample", "run@1") == 2
    assert "run@80" in capsys.readouterr().err
    assert run("sample", "run@151") == 2
    assert "run@160" in capsys.readouterr().err
    assert run("sample", "run@bset") == 2
    message = capsys.readouterr().err
    assert "run@bset" in message
    assert "000" not in message


@pytest.fixture
def unconditional() -> str:
    """Write an untrained unconditional model to the working folder, and return its name."""
    recipe = find_recipe("plain-gan")
    generator = build_generator(recipe, ImageSpec(1, 28, 28, 1)).eval()
    save_model(Path("plain.safetensors"), Model(generator, recipe, ("images",), {"seed": 0, "images_seen": 0}))
    return "plain.safetensors"


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("sample", "--labels", "3"),
        ("sample", "--weights", "0:3,1:1"),
        ("sample", "--min-confidence", "0.9"),
        ("invert", "--label", "3"),
        ("walk", "--labels", "3"),
    ],
)
def test_options_about_classes_are_refused_for_a_model_without_classes(
    unconditional: str, command: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"sample": ["--count=4"], "walk": [], "invert": []}[command]
    arguments = ["seven.png", unconditional] if command == "invert" else [unconditional]
    assert run(command, *arguments, option, value, *more) == 2
    message = capsys.readouterr().err
    assert f"{option} {value}: " in message
    assert "plain-gan" in message
    assert "0 to 0" not in message
    assert files() == [unconditional]


def test_a_latent_that_is_no_numpy_file_is_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (28, 28)).save("seven.png")
    assert run("walk", "--latent", "seven.png") == 2
    message = capsys.readouterr().err
    assert "--latent seven.png: " in message
    assert "digitgan invert" in message
    assert "pickle" not in message
    assert len(message.splitlines()) == 1


def test_an_interrupted_sample_names_the_file_that_it_did_not_write(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = files()
    monkeypatch.setattr("digitgan.model.file.Model.draw", interrupted)
    assert run("sample", "run", "--out=mine.npz", "--format=npz") == 130
    assert "mine.npz: " in capsys.readouterr().err
    assert files() == before


def test_write_names_the_characters_it_cannot_draw(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("write", "20x6!", "run") == 2
    assert "'x', '!'" in capsys.readouterr().err


def test_a_used_out_is_never_overwritten_silently(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path("run/model.safetensors").read_bytes()
    assert run("train", *TINY, "--out=run") == 2
    assert re.search("run: .*--resume.*--overwrite", capsys.readouterr().err)
    assert Path("run/model.safetensors").read_bytes() == model

    Path("mine.png").write_text("mine")
    for argv in (
        ("sample", "run", "--out=mine.png"),
        ("write", "7", "run", "--out=mine.png"),
        ("plot", "run", "--out=mine.png"),
    ):
        assert run(*argv) == 2
        assert re.search(r"mine\.png: .*--overwrite", capsys.readouterr().err)
        assert Path("mine.png").read_text() == "mine"
    assert run("sample", "run", "--out=mine.png", "--overwrite", "--quiet") == 0
    assert picture("mine.png")[0] == "L"


def test_a_folder_that_is_no_run_is_not_overwritten_even_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("precious").mkdir()
    Path("precious/thesis.txt").write_text("years of work")
    for argv in (("train", *TINY, "--out=precious", "--overwrite"),):
        assert run(*argv) == 2
        assert "precious: " in capsys.readouterr().err
    assert files() == ["precious", "precious/thesis.txt"]


def test_an_unwritable_out_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert run("train", *TINY, "--out=file/run") == 2
    assert "file/run: " in capsys.readouterr().err
    assert run("train", *TINY, "--out=file") == 2
    assert re.search("file: .*--out", capsys.readouterr().err)
    assert files() == ["file"]


@pytest.mark.parametrize("damage", ["truncated", "altered", "foreign", "empty"])
def test_a_damaged_model_is_refused(trained: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(Path("run/model.safetensors").read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "altered":
        content[-100] ^= 1
    elif damage == "foreign":
        content = bytearray(b"PK\x03\x04 something else")
    else:
        content = bytearray()
    Path("bad.safetensors").write_bytes(content)
    assert run("sample", "bad.safetensors", "--out=x.png") == 2
    assert "bad.safetensors" in capsys.readouterr().err
    assert not Path("x.png").exists()


def test_a_run_without_a_model_yet_says_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run/model.safetensors").unlink()
    assert run("sample", "run") == 2
    assert re.search("run: .*--resume", capsys.readouterr().err)


# --- output and files ---------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "fast", "--data=digits", "--epochs=2", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert re.search(r"\b3,000 images.*\b2\.00 epochs.*seed 0\b", printed)
    assert run("train", "fast", "--data=digits", "--images=640", "--dry-run", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["dry_run"] is True
    assert facts["images"] == 640
    assert facts["data"]["images"] == 1500
    assert files() == []


def test_json_is_one_object_on_standard_output(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample", "run", "--labels=1,3", "--per-class=2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {str(n): 2 if n in (1, 3) else 0 for n in range(10)}
    for argv in (("write", "7", "run"), ("plot", "run"), ("animate", "run"), ("recipes",), ("recipes", "fast"), ("doctor",)):
        assert run(*argv, "--json") == 0
        assert isinstance(json.loads(capsys.readouterr().out), dict)
    assert run("data", "verify", "digits", "--json") == 0
    assert json.loads(capsys.readouterr().out)["train"]["images"] == 1500


def test_a_recipe_printed_can_be_trained_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes", "fast") == 0
    Path("mine.toml").write_text(capsys.readouterr().out)
    assert run("train", "--config=mine.toml", "--data=digits", "--dry-run") == 0
    assert re.search(r"recipe +fast\b", capsys.readouterr().out)


def test_names_left_out_are_chosen_without_overwriting(trained: Path) -> None:
    for _ in range(2):
        assert run("sample", "run", "--quiet") == 0
        assert run("write", "20 26", "run", "--quiet") == 0
        assert run("data", "show", "digits", "--quiet") == 0
    expected = {"samples.png", "samples-2.png", "20-26.png", "20-26-2.png", "classes.png", "classes-2.png"}
    assert expected <= set(files())


def test_data_show_draws_images_of_every_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "show", "digits", "--out=d.png") == 0
    _, pixels = picture("d.png")
    assert pixels.shape[0] == 4 + 10 * (2 * 28 + 4) + 4
    digits = load_image_set("digits")
    first = digits.images[digits.labels == 0][0]
    np.testing.assert_array_equal(pixels[4 : 4 + 56 : 2, -600:-544:2, 0], first)


def test_data_verify_prints_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("data", "verify", "digits") == 0
    printed = capsys.readouterr().out
    assert re.search(r"train: .*\b1,500\b.*\b28x28\b", printed)
    assert re.search(r"test: .*\b297\b", printed)


def test_colour_images_of_another_size_train_and_draw() -> None:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    np.savez("colour.npz", images=images, labels=np.arange(40) % 4, class_names=["ant", "bee", "cat", "dog"])
    assert run("train", *tiny.options(data="colour.npz"), "--out=run", "--quiet") == 0
    assert run("sample", "run", "--labels=cat,0", "--per-class=3", "--format=folder", "--out=drawn", "--quiet") == 0
    assert sorted(path.parent.name for path in Path("drawn").rglob("*.png")) == ["ant"] * 3 + ["cat"] * 3
    assert picture(next(Path("drawn").rglob("*.png")))[0] == "RGB"


# --- help and imports ---------------------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, digitgan.cli\n"
        "try: digitgan.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'PIL', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(command.split()[0] in done.stdout for command in COMMANDS)


def test_a_former_name_warns_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    former, present = next(iter(ALIASES.items()))
    assert run("recipes", former) == 0
    printed, warned = capsys.readouterr()
    assert f'name = "{present}"' in printed
    assert warned.startswith(f"digitgan: recipe {former!r}")
    assert warned.count("\n") == 1


def test_version_and_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == "digitgan 0.2.0\n"
    for shell in ("bash", "zsh", "fish"):
        assert run("--completion", shell) == 0
        assert "digitgan" in capsys.readouterr().out


def test_every_command_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert run(*command.split(), "--help") == 0
        assert "usage: digitgan " in capsys.readouterr().out
