"""Pictures in a terminal: commands that write a picture also show it, in a real pseudo-terminal and nowhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from digitgan.data import load_image_set
from digitgan.images import save_png
from tests import processes

pytestmark = pytest.mark.usefixtures("isolated_home")


def in_terminal(folder: Path, *argv: str, columns: int = 80, lines: int = 24, **environment: str) -> tuple[int, str]:
    """Run the command line in a pseudo-terminal of a size, and return its exit code and what it prints."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    without = {"CI", "NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR"}
    settings = {name: value for name, value in os.environ.items() if name not in without}
    settings |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
    command = [sys.executable, "-m", "digitgan", *argv]
    with processes.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=settings) as process:
        os.close(theirs)
        content = b""
        try:
            while piece := os.read(ours, 1 << 16):
                content += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
    return process.returncode, content.decode()


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    path = tmp_path / "seven.png"
    mnist = load_image_set("mnist", "test")
    save_png(path, mnist.images[list(mnist.labels).index(7)])
    return path


def test_a_text_a_walk_an_inversion_and_data_are_shown(tmp_path: Path, seven: Path) -> None:
    walk = ["walk", "--steps", "2", "--format"]
    for argv in (
        ["write", "2026"],
        [*walk, "png"],
        [*walk, "gif"],
        [*walk, "frames"],
        ["invert", str(seven)],
        ["data", "show"],
    ):
        code, text = in_terminal(tmp_path, *argv)
        assert code == 0, text
        pictured = [line for line in text.splitlines() if "▄" in line]
        assert 3 <= len(pictured) <= 20, argv
        assert all(line.count("▄") == pictured[0].count("▄") <= 80 for line in pictured)


@pytest.mark.parametrize(
    ("options", "terminal"),
    [
        (["--no-show"], {}),
        (["--quiet"], {}),
        (["--json"], {}),
        ([], {"NO_COLOR": "1"}),
        ([], {"TERM": "dumb", "COLORTERM": ""}),
        ([], {"CI": "true"}),
        ([], {"columns": 1}),
        ([], {"lines": 5}),
    ],
)
def test_no_picture_where_none_is_wanted_or_possible(tmp_path: Path, options: list[str], terminal: dict[str, str]) -> None:
    code, text = in_terminal(tmp_path, "write", "7", *options, **terminal)  # type: ignore[arg-type]
    assert code == 0
    assert "▄" not in text
    assert (tmp_path / "7.png").exists()


def test_a_pipe_gets_no_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digitgan", "write", "7"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "▄" not in done.stdout + done.stderr
