"""Tests of the fuzzed readers, and a short run of the fuzzer; `make fuzz` runs longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing.readers import Reader, readers, refused_or_read

SECONDS = 20

MAX_UNIT_SECONDS = 100
"""Seconds from which one input is an error. The first one of a reader imports its library, slowly beside other programs."""


def test_every_reader_reads_its_example(tmp_path: Path) -> None:
    for reader in readers(tmp_path).values():
        reader.read(reader.examples[0])
        refused_or_read(reader, b"\xff" * 100)


def test_an_error_of_anyone_else_is_a_finding() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        refused_or_read(Reader(int, ()), b"one")


@pytest.mark.long
def test_nothing_is_found_in_a_while(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is for Linux and macOS")
    fuzzing = [
        sys.executable,
        "-m",
        "tests.fuzzing.fuzz",
        f"-max_total_time={SECONDS}",
        f"-timeout={MAX_UNIT_SECONDS}",
        f"-report_slow_units={MAX_UNIT_SECONDS}",
        "-seed=1",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(fuzzing, capture_output=True, text=True, timeout=20 * SECONDS)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "Done" in done.stderr
    assert list(tmp_path.iterdir()) == []
