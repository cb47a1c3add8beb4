"""Output paths: a name says what the output is."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitgan.errors import UsageError
from digitgan.exporters import EXPORT_FORMATS
from digitgan.files import check_output_name
from digitgan.generation.writers import WRITERS
from tests.cli.commands import run

ENDINGS = {"png": ".png", "npz": ".npz", "parquet": ".parquet", "folder": "", "idx": ""}


@pytest.mark.parametrize(
    ("ending", "out"),
    [
        *[(".png", "x.png"), (".npz", "X.NPZ"), (".npz", "a.b.npz"), (".parquet", "deep/x.parquet")],
        *[("", "x"), ("", "x.foo"), ("", "mnist.v2"), ("", "."), ("", "runs/png"), ("", ".png")],
    ],
)
def test_a_name_that_fits_the_output_is_accepted(ending: str, out: str) -> None:
    check_output_name(Path(out), ending)


@pytest.mark.parametrize(
    ("format_name", "out", "message"),
    [
        ("npz", "x.foo", r"--out x\.foo: --format npz .*\.npz"),
        ("npz", "x", r"--out x: --format npz .*\.npz"),
        ("npz", ".npz", r"--out \.npz: --format npz .*\.npz"),
        ("npz", "npz", r"--out npz: --format npz .*\.npz"),
        ("npz", "x.png", r"--out x\.png: --format npz .*\.npz.*--format png"),
        ("png", "x.Parquet", r"--out x\.Parquet: --format png .*\.png.*--format parquet"),
        ("folder", "x.npz", r"--out x\.npz: --format folder .*\.npz.*--format npz"),
        ("folder", "x.onnx", r"--out x\.onnx: --format folder .*\.onnx"),
        ("idx", "deep/x.PNG", r"--out deep/x\.PNG: --format idx .*\.png.*--format png"),
    ],
)
def test_a_name_of_another_format_is_refused(format_name: str, out: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_output_name(Path(out), ENDINGS[format_name], format_name=format_name, endings=ENDINGS)


def test_the_message_names_the_option_and_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"--report x\.html: .*\.html.*remove --repeat"):
        check_output_name(Path("x.html"), "", remedy="remove --repeat", option="--report")


COMMANDS = [
    *[(f"sample --format {name}", f"x.{'npz' if name != 'npz' else 'png'}") for name in WRITERS],
    ("sample --shard-size 5 --format npz", "x.npz"),
    ("write 2026", "x.jpg"),
    ("write 2026 --repeat 2", "x.png"),
    ("walk", "x.jpg"),
    ("walk --format png", "x"),
    ("walk --format frames", "x.gif"),
    ("invert seven.png", "x.gif"),
    *[(f"export --format {name}", f"x.{'pt2' if name != 'torch' else 'onnx'}") for name in EXPORT_FORMATS],
    ("import generator.keras", "x.txt"),
    ("evaluate --report x.html", ""),
    ("train --images 64 --data digits", "x.png"),
    ("compare fast quality --images 64 --data digits", "x.json"),
    ("recipes fast --diagram", "x.jpg"),
    ("data show digits", "x.jpg"),
    ("animate RUN", "x.mp4"),
    ("plot RUN", "x.pdf"),
]


@pytest.mark.parametrize(("command", "out"), COMMANDS, ids=[f"{command} {out}".strip() for command, out in COMMANDS])
@pytest.mark.usefixtures("isolated_home")
def test_every_command_refuses_a_name_that_does_not_fit_and_writes_nothing(
    command: str, out: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    words = command.replace("RUN", str(tiny_run)).split()
    assert run(*words, *(["--out", out] if out else [])) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"digitgan: {'--out ' + out if out else '--report'}"), complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == before
