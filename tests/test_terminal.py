"""Pictures in half blocks: the exact cells of known pictures, the room that they take, and where they are not shown."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from rich.console import Console

from digitgan.terminal import can_show, grid_in_half_blocks, half_blocks


def terminal(**options: object) -> Console:
    settings = {"force_terminal": True, "color_system": "truecolor", "file": io.StringIO(), "width": 80, **options}
    return Console(**settings, _environ={"TERM": "xterm"})  # type: ignore[arg-type]


def printed(pixels: object) -> list[str]:
    console = terminal(width=500)
    console.print(pixels)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text.splitlines()


def cells(pixels: object) -> list[tuple[int, int]]:
    """Return the number of columns and lines of a printed picture, without its colours."""
    console = terminal(color_system=None, width=500)
    console.print(pixels)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [(len(line), len(lines)) for line in lines]


def test_a_cell_shows_one_pixel_above_another() -> None:
    picture = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
    lines = printed(half_blocks(picture, 80, 24))
    assert len(lines) == 3
    for row, line in enumerate(lines):
        above, below = picture[2 * row], picture[2 * row + 1]
        expected = [f"\x1b[38;2;{b};{b};{b};48;2;{a};{a};{a}m▄\x1b[0m" for a, b in zip(above, below, strict=True)]
        assert line == "".join(expected)


def test_a_colour_picture_keeps_its_colours() -> None:
    picture = np.zeros((6, 6, 3), dtype=np.uint8)
    picture[0] = (10, 20, 30)
    picture[1] = (40, 50, 60)
    assert printed(half_blocks(picture, 80, 24))[0] == "\x1b[38;2;40;50;60;48;2;10;20;30m▄▄▄▄▄▄\x1b[0m"


def test_a_picture_of_an_odd_height_is_not_distorted() -> None:
    picture = np.full((7, 6), 200, dtype=np.uint8)
    lines = printed(half_blocks(picture, 80, 24))
    assert lines[-1] == "\x1b[38;2;0;0;0;48;2;200;200;200m▄▄▄▄▄▄\x1b[0m"


@pytest.mark.parametrize(
    ("columns", "rows", "size"), [(80, 24, (28, 14)), (20, 24, (20, 10)), (80, 5, (10, 5)), (28, 14, (28, 14))]
)
def test_a_picture_is_shrunk_to_the_room(columns: int, rows: int, size: tuple[int, int]) -> None:
    assert cells(half_blocks(np.zeros((28, 28), dtype=np.uint8), columns, rows)) == [size] * size[1]


@pytest.mark.parametrize(("columns", "rows"), [(1, 24), (0, 24), (5, 24), (80, 2), (80, 0), (-3, 24)])
def test_without_room_there_is_no_picture(columns: int, rows: int) -> None:
    assert half_blocks(np.zeros((28, 28), dtype=np.uint8), columns, rows) is None
    assert grid_in_half_blocks(np.zeros((10, 28, 28), dtype=np.uint8), columns, rows) is None


@pytest.mark.parametrize("count", [1, 3, 10, 26])
def test_a_grid_stays_within_the_room(count: int) -> None:
    images = np.full((count, 28, 28), 255, dtype=np.uint8)
    for columns, rows in itertools.product(range(40, 301, 20), (6, 12, 16, 40)):
        pixels = grid_in_half_blocks(images, columns, rows)
        if pixels is not None:
            width, height = cells(pixels)[0]
            assert width <= columns
            assert height <= rows


def test_a_grid_shows_every_image_in_its_order() -> None:
    images = np.stack([np.full((28, 28), 20 * index, dtype=np.uint8) for index in range(10)])
    first = printed(grid_in_half_blocks(images, 300, 20))[0]
    assert [f"48;2;{20 * index};{20 * index};{20 * index}m" in first for index in range(10)] == [True] * 10


@pytest.mark.parametrize(
    ("options", "environment", "shown"),
    [
        ({}, {}, True),
        ({"color_system": "256"}, {}, True),
        ({"color_system": "standard"}, {}, False),
        ({"color_system": None}, {}, False),
        ({"force_terminal": False}, {}, False),
        ({"no_color": True}, {}, False),
        ({}, {"CI": "true"}, False),
    ],
)
def test_pictures_are_for_terminals_with_colours(options: dict[str, object], environment: dict[str, str], shown: bool) -> None:
    assert can_show(terminal(**options), environment) is shown


def test_a_dumb_terminal_shows_no_pictures() -> None:
    console = Console(force_terminal=True, color_system="truecolor", file=io.StringIO(), _environ={"TERM": "dumb"})
    assert not can_show(console, {})
