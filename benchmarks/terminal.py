"""Film a training in a terminal: run `digitgan train` in a pseudo-terminal, and draw its screen as pictures.

For each size, the screen after each half second is drawn; one near the end is docs/images/terminal-COLUMNSxLINES.png.
The film of the first size is docs/images/terminal.gif. `--out` names another folder.

    python benchmarks/terminal.py --seconds 20
"""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from fcntl import ioctl
from pathlib import Path

import matplotlib
import numpy as np
import pyte
import tyro
from PIL import Image, ImageDraw, ImageFont

from digitgan.images import save_gif, save_png

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZES = ((80, 24), (120, 40))
FRAME_SECONDS = 0.5

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
CELL = (8, 16)
"""Width and height of a character cell in pixels."""

INK, PAPER = (220, 220, 220), (18, 18, 18)
NAMED = {
    "magenta": (200, 90, 160),
    "green": (90, 180, 90),
    "cyan": (80, 180, 190),
    "blue": (90, 130, 220),
    "red": (210, 90, 80),
}


def main(seconds: float = 20.0, out: Path = IMAGES) -> None:
    """Train once for each size, and write the pictures.

    Args:
        seconds: length of each training.
        out: folder of the pictures.
    """
    out.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        frames = film(size, seconds)
        path = out / f"terminal-{size[0]}x{size[1]}.png"
        save_png(path, frames[int(0.85 * len(frames))])
        print(f"{path}: {len(frames)} frames")
        if size == SIZES[0]:
            save_gif(out / "terminal.gif", frames, int(1000 * FRAME_SECONDS))


def film(size: tuple[int, int], seconds: float) -> list[np.ndarray]:
    """Return the screens of a training, (height, width, 3) each."""
    columns, lines = size
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    without = {"CI", "NO_COLOR", "COLUMNS", "LINES"}
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    frames: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "digitgan", "train", "--minutes", str(seconds / 60), "--out", "runs/mine"]
        stream.feed(b"$ digitgan train --minutes 1\r\n")
        with subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            due = time.monotonic()
            while process.poll() is None:
                if select.select([ours], [], [], 0.05)[0]:
                    try:
                        stream.feed(os.read(ours, 1 << 16))
                    except OSError:  # the other end is closed
                        break
                if time.monotonic() >= due:
                    due += FRAME_SECONDS
                    frames.append(drawn(screen))
        os.close(ours)
    return frames


def drawn(screen: pyte.Screen) -> np.ndarray:
    """Draw a screen: a half block as two rectangles, other characters in a font."""
    width, height = CELL
    picture = Image.new("RGB", (screen.columns * width, screen.lines * height), PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), 13)
    for row in range(screen.lines):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            left, top = column * width, row * height
            ink, paper = colour(cell.fg, INK), colour(cell.bg, PAPER)
            if paper != PAPER or cell.data == "▄":
                pen.rectangle((left, top, left + width - 1, top + height - 1), fill=paper)
            if cell.data == "▄":
                pen.rectangle((left, top + height // 2, left + width - 1, top + height - 1), fill=ink)
            elif cell.data != " ":
                pen.text((left, top), cell.data, fill=ink, font=font)
    return np.asarray(picture)


def colour(name: str, default: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the colour of a cell: six hexadecimal digits, a name, or "default"."""
    if len(name) == 6 and all(character in "0123456789abcdef" for character in name.lower()):
        return (int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16))
    return NAMED.get(name, default)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
