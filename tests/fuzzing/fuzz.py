"""Fuzz every reader of files and options, guided by code coverage.

    python -m tests.fuzzing.fuzz [-max_total_time=SECONDS] [FILE]

The options are those of libFuzzer. A crash is written to a file crash-… in the current folder (`make fuzz`: in build/). Pass
that file as FILE to reproduce it. The first byte of such a file selects the reader, whose name is printed.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["digitgan"]):
    from tests.fuzzing.readers import readers, refused_or_read


def main() -> None:
    """Fuzz until the time limit or a crash. The exit code is 0 without a crash."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "files").mkdir()
        (place / "corpus").mkdir()
        table = list(readers(place / "files").items())
        for number, (name, reader) in enumerate(table):
            for index, example in enumerate(reader.examples):
                (place / "corpus" / f"{name}-{index}").write_bytes(bytes([number]) + example)

        def one(content: bytes) -> None:
            if content:
                name, reader = table[content[0] % len(table)]
                try:
                    refused_or_read(reader, content[1:])
                except BaseException:
                    print(f"found by the reader {name!r}", file=sys.stderr, flush=True)
                    raise

        files = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        corpus = [] if files else [str(place / "corpus")]
        atheris.Setup([*sys.argv, *corpus, "-max_len=4096", "-timeout=60", "-rss_limit_mb=2048"], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
