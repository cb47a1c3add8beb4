"""The table of all files of results, in docs/records/index.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from .table import Result

INDEX: Final = "docs/records/index.md"
BEGIN: Final = "<!-- This table is written by `python benchmarks/records.py --index`. -->"
END: Final = "<!-- The end of that table. -->"


def facts_of(data: Any) -> list[dict[str, Any]]:
    """Return the machines that a file of results states: the entries with `commit` and `date`, wherever they are."""
    if isinstance(data, dict):
        here = [data] if {"commit", "date", "processor"} <= data.keys() else []
        return here + [found for each in data.values() for found in facts_of(each)]
    return [found for each in data for found in facts_of(each)] if isinstance(data, list) else []


def index_table(results: list[Result]) -> str:
    """Return the table of files, scripts, dates and pages, in Markdown."""
    lines = ["| file | made by | measured | quoted in | short form |", "|---|---|---|---|---|"]
    for result in sorted(results, key=lambda each: each.file):
        dates = sorted({found["date"] for found in facts_of(result.read())})
        script = result.script.removeprefix("benchmarks/")
        cells = [
            f"[`{Path(result.file).name}`](../../{result.file})",
            f"[`{script}`](../../{result.script})" if script.endswith(".py") else f"`{script}`",
            " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]])) or "see its card",
            ", ".join(_link(page) for page in dict.fromkeys(quote.page for quote in result.quotes)) or result.used_by,
            _short_form(result),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _short_form(result: Result) -> str:
    if result.cannot:
        return f"none: {result.cannot}"
    return f"needs {', '.join(map(_need, result.needs))}" if result.needs else "yes"


def _link(page: str) -> str:
    name = Path(page).stem
    return f"[{name}]({page.removeprefix('docs/records/') if page.startswith('docs/records/') else _from_records(page)})"


def _from_records(page: str) -> str:
    return f"../{page.removeprefix('docs/')}" if page.startswith("docs/") else f"../../{page}"


def _need(need: str) -> str:
    kind, _, name = need.partition(" ")
    words = {"gpu": "a GPU with CUDA", "data": f"the data set `{name}`", "commit": f"the commit `{name}`"}
    words["instruction"] = f"a processor with `{name}`"
    return words.get(kind, f"`{name}`")
