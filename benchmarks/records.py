"""Measure the quoted figures again, in short form, and compare them with the committed results.

    make records                                 every script, one after another
    make records ONLY="sampling serving"         some of them
    python benchmarks/records.py --list          what would run, and what cannot
    python benchmarks/records.py --texts NAME    the texts that must stand in the pages, by the committed file
    python benchmarks/records.py --index         write the table of all files into docs/records/index.md

`benchmarks/quoted.toml` names the short forms. Their results go to build/records/; benchmarks/results/ is not changed. A short
form has fewer seeds, fewer images or shorter trainings than the committed measurement: compare speeds and memory, not the
quality after a longer training. Figures that a short form does not measure are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from quotes import BEGIN, END, INDEX, ROOT, Result, compared, index_table, load, statements

BUILD = ROOT / "build" / "records"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="sections of quoted.toml; all of them without any")
    parser.add_argument("--list", action="store_true", help="print the short forms, and what cannot run here")
    parser.add_argument("--texts", action="store_true", help="print the texts that must stand in the pages")
    parser.add_argument("--index", action="store_true", help=f"write the table of all files into {INDEX}")
    options = parser.parse_args()
    results, _ = load()
    if unknown := sorted(set(options.names) - {result.name for result in results}):
        known = ", ".join(result.name for result in results)
        parser.error(f"{', '.join(unknown)}: no such section in benchmarks/quoted.toml; choose from {known}")
    chosen = [result for result in results if not options.names or result.name in options.names]
    if options.texts:
        print_texts(chosen)
    elif options.index:
        write_index(results)
    elif options.list:
        for result in chosen:
            reason = result.cannot or lacking(result)
            print(f"{result.name}: {f'not here: {reason}' if reason else result.short}\n    in full: {in_full(result)}")
    else:
        sys.exit(measure(chosen))


def measure(results: list[Result]) -> int:
    """Run the short forms, print the comparisons, and return the number of scripts that failed."""
    skipped = {result.name: reason for result in results if (reason := result.cannot or lacking(result))}
    failed = []
    for result in (each for each in results if each.name not in skipped):
        out, log = BUILD / f"{result.name}.json", BUILD / f"{result.name}.log"
        BUILD.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        command = [sys.executable, *shlex.split(result.short)[1:], "--out", str(out)]
        print(f"\n{result.name}: {result.short}", flush=True)
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False)
        if done.returncode or not out.is_file():
            failed.append(result.name)
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            print("\n".join([f"  failed with exit code {done.returncode}; {log.relative_to(ROOT)} ends with", *tail]))
            continue
        print_comparison(result, out, time.monotonic() - started)
    if skipped:
        print("\nNot measured here:")
    for result in (each for each in results if each.name in skipped):
        print(f"  {result.name}: {skipped[result.name]}\n    in full: {in_full(result)}")
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return len(failed)


def print_comparison(result: Result, out: Path, seconds: float) -> None:
    """Print the committed value of each quoted figure beside the new one."""
    rows = compared(result, result.read(out))
    there = [row for row in rows if row[2]]
    widths = [max([len(title), *(len(row[place]) for row in there)]) for place, title in ((1, "committed"), (2, "now"))]
    print(f"  {seconds:.0f} s; {out.relative_to(ROOT)}\n  {'committed':>{widths[0]}}  {'now':>{widths[1]}}")
    for name, committed, now in there:
        print(f"  {committed:>{widths[0]}}  {now:>{widths[1]}}  {name}")
    if lost := len(rows) - len(there):
        print(f"  {lost} further figures are not in the short form; in full: {in_full(result)}")


def print_texts(results: list[Result]) -> None:
    """Print the texts of the quotes with the numbers of the committed files."""
    for result in results:
        for quote in result.quotes:
            print(f"{quote.page} ({result.file})")
            for statement in statements(quote, result.read()):
                print(f"    {statement.text}")


def write_index(results: list[Result]) -> None:
    """Replace the table of all files in the index of the records."""
    path = ROOT / INDEX
    text = path.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    path.write_text(f"{before}\n\n{index_table(results)}\n\n{after}", encoding="utf-8")
    print(f"{INDEX}: {len(results)} files")


def in_full(result: Result) -> str:
    """Return the commands that made the committed file."""
    return "; ".join(" ".join(command.split()) for command in result.commands)


def lacking(result: Result) -> str:
    """Return what a short form needs and this machine lacks, or ""."""
    return "; ".join(filter(None, map(_lacking, result.needs)))


def _lacking(need: str) -> str:
    kind, _, name = need.partition(" ")
    if kind == "gpu":
        asked = [sys.executable, "-c", "import torch, sys; sys.exit(not torch.cuda.is_available())"]
        return "" if subprocess.run(asked, check=False).returncode == 0 else "needs a GPU with CUDA"
    if kind == "data":
        caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = Path(os.environ.get("DIGITGAN_DATA") or caches / "digitgan")
        return "" if (folder / name).is_dir() else f"needs the data set; `digitgan data verify {name} --download` fetches it"
    if kind == "instruction":
        flags = Path("/proc/cpuinfo")
        there = flags.is_file() and name in flags.read_text(encoding="utf-8").split()
        return "" if there else f"needs a processor with {name}; without it, this takes ten minutes or more"
    if kind == "program":
        return "" if shutil.which(name) else f"needs the program `{name}`"
    if kind == "file":
        return "" if (ROOT / name).exists() else f"needs `{name}`"
    if kind == "commit":
        known = subprocess.run(["git", "cat-file", "-e", f"{name}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
        return "" if known.returncode == 0 else f"needs the commit {name} of this repository"
    kinds = "gpu, instruction, data, program, file or commit"
    raise SystemExit(f"benchmarks/quoted.toml: needs = {json.dumps(need)}: must be {kinds}")


if __name__ == "__main__":
    main()
