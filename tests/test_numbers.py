"""The numbers of README and docs are those of the files of results, and every measured number has such a file or a reason."""

from __future__ import annotations

import ast
import copy
import doctest
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import quotes
from benchmarks.quotes import Between, Place, Quote, QuoteError, Result

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]
RESULTS, NOT_MEASURED = quotes.load()
LIBRARIES = ("common", "machine", "records", "keras_mask_cgan")
"""Files in benchmarks/ that make no file of results."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


# --- pages and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_the_pages_state_what_the_file_says(result: Result) -> None:
    faults = [fault for quote in result.quotes for fault in faults_of(quote, result.read(), text_of(quote.page), result.file)]
    assert not faults, "\n".join(
        [
            "",
            *faults,
            f"`python benchmarks/records.py --texts {result.name}` prints all texts with the numbers of the file. If the file",
            f"is new, change the page. If the words of the page have changed, change [[{result.name}.quotes]] in quoted.toml.",
        ]
    )


def faults_of(quote: Quote, data: Any, text: str, file: str) -> Iterator[str]:
    """Yield a message for each statement of a quote that its page lacks."""
    blocks = quotes.page_blocks(text)
    for statement in quotes.statements(quote, data):
        if not any(statement.found_in(block.text) for block in blocks):
            yield f"{quote.page} states:  {quotes.nearest(statement, text)}\n{file}:  {statement.text}\n"


@pytest.mark.parametrize("page", PAGES)
def test_every_measured_number_is_quoted_or_explained(page: str) -> None:
    found = quotes.uncovered(page, text_of(page), RESULTS, NOT_MEASURED)
    assert not found, "\n".join(
        [
            "",
            *(f"{page}: {text[:90]} …\n    {' · '.join(numbers[:6])}{' · …' * (len(numbers) > 6)}" for text, numbers in found),
            "Add each number to a quote of its file of results in benchmarks/quoted.toml. If there is no file, write a script",
            "that makes one. If it is a setting, a limit or a definition, add its words to [[not_measured]], with the reason.",
        ]
    )


@pytest.mark.parametrize("entry", NOT_MEASURED, ids=lambda entry: f"{entry.page}: {entry.text[:40]}")
def test_what_is_explained_is_still_there(entry: quotes.NotMeasured) -> None:
    alone = quotes.uncovered(entry.page, text_of(entry.page), [], [])
    with_it = quotes.uncovered(entry.page, text_of(entry.page), [], [entry])
    assert with_it != alone, f"{entry.page}: {entry.text!r} has no measured number; remove it from quoted.toml"


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_every_quote_has_a_number_and_a_page(result: Result) -> None:
    for quote in result.quotes:
        assert quote.page in PAGES
        assert all(statement.figures for statement in quotes.statements(quote, result.read())), quote.text


# --- files of results -------------------------------------------------------------------------------------------------


def test_every_file_of_results_has_a_section() -> None:
    files = {str(path.relative_to(ROOT)) for path in quotes.RESULTS.glob("*.json")}
    described = {result.file for result in RESULTS}
    assert files - described == set(), "add a section to benchmarks/quoted.toml, with its command and its quotes"
    assert [file for file in described if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_a_file_of_results_is_used(result: Result) -> None:
    told = Path(result.file).name in text_of("benchmarks/RECORDS.md")
    assert result.quotes or result.used_by or told, f"no page quotes {result.file}: quote it, or remove it"


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_a_file_of_results_states_machine_and_commit(result: Result) -> None:
    lacking = list(without_machine(result.read(), result.file))
    assert (lacking != []) == bool(result.no_machine), lacking


def without_machine(data: Any, place: str) -> Iterator[str]:
    """Yield the place of a file of results, or of its rows, that lacks the machine."""
    if not isinstance(data, dict):
        yield place
    elif not quotes.facts_of({name: value for name, value in data.items() if name == "machine"} | own(data)):
        below = [value for value in data.values() if isinstance(value, dict) and quotes.facts_of(value)]
        if not below:
            yield place
        for rows in below:
            yield from (f"{place}, {name}" for name, row in rows.items() if isinstance(row, dict) and lacks(row))


def own(data: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of a file that are not files of entries themselves."""
    return {name: value for name, value in data.items() if not isinstance(value, dict | list)}


def lacks(row: dict[str, Any]) -> bool:
    return {"seed", "measured", "runs", "models"} & row.keys() != set() and not quotes.facts_of(row)


def test_a_row_without_a_machine_is_found() -> None:
    machine = {"commit": "abc", "date": "2026-11-28", "processor": "AMD EPYC"}
    assert list(without_machine({"machine": machine, "rows": {"a": {"runs": []}}}, "f")) == []
    assert list(without_machine({"rows": {"a": {"runs": [], "machine": machine}}}, "f")) == []
    assert list(without_machine({"rows": {"a": {"runs": [], "machine": machine}, "b": {"runs": []}}}, "f")) == ["f, b"]
    assert list(without_machine({"question": "?"}, "f")) == ["f"]


# --- scripts and their commands ---------------------------------------------------------------------------------------


def options_of(script: Path) -> dict[str, type | None]:
    """Return the options of a script, by its code: name -> type of a number, or None for another value."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = [call.args[0] for call in calls if call.func.attr == "add_argument" and call.args]  # type: ignore[attr-defined]
    found: dict[str, type | None] = {each.value: None for each in named if isinstance(each, ast.Constant)}
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    for argument in (*main.args.args, *main.args.kwonlyargs):
        told = ast.unparse(argument.annotation) if argument.annotation else ""
        kinds = {"int": int, "float": float, "tuple[int, ...]": int, "tuple[float, ...]": float}
        found["--" + argument.arg.replace("_", "-")] = kinds.get(told)
    return found


def faults_in(command: str) -> list[str]:
    """Return what is wrong with a command: a missing script or target, an unknown option, a value that is not a number."""
    program, script, *words = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.M)
        return [] if script in targets else [f"{script}: no target of the Makefile"]
    if program != "python" or not (ROOT / script).is_file():
        return [f"{program} {script}: no such script"]
    known, faults, kind = options_of(ROOT / script), [], None
    for word in words:
        if word.startswith("--"):
            kind = known.get(word)
            faults += [] if word in known else [f"{word}: no option of {script}"]
        elif kind is not None:
            try:
                kind(word)
            except ValueError:
                faults.append(f"{word}: not a number")
    return faults


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_the_commands_of_a_file_parse(result: Result) -> None:
    for command in (*result.commands, *filter(None, [result.short])):
        assert faults_in(command) == [], command
    out = f"--out {result.file}"
    default = Path(result.file).stem == Path(result.script).stem or not result.script.endswith(".py")
    assert default or result.name == "classifiers" or all(out in command for command in result.commands)
    assert "--out" not in result.short


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("python benchmarks/nowhere.py", "no such script"),
        ("python benchmarks/sampling.py --imags 3", "no option"),
        ("python benchmarks/sampling.py --images many", "not a number"),
        ("python benchmarks/gpu.py --batches 3", "no option"),
        ("make nothing", "no target"),
    ],
)
def test_a_wrong_command_is_found(command: str, fault: str) -> None:
    assert [fault in each for each in faults_in(command)] == [True]


@pytest.mark.parametrize("script", sorted(path for path in BENCHMARKS.glob("*.py") if path.stem not in LIBRARIES), ids=str)
def test_every_script_takes_out(script: Path) -> None:
    assert "--out" in options_of(script)


def records(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "records.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_texts_of_a_section_are_printed() -> None:
    printed = records("--texts", "sampling").stdout
    assert "One million images as NPZ take 199 s" in " ".join(printed.split())
    refused = records("--texts", "sampling", "smapling")
    assert refused.returncode == 2
    assert "smapling: no such section" in refused.stderr


def test_new_figures_stand_beside_the_committed_ones() -> None:
    sampling = next(result for result in RESULTS if result.name == "sampling")
    new = copy.deepcopy(sampling.read())
    new["rows"] = new["rows"][:1]
    new["rows"][0]["seconds"] = 3.04
    rows = {name: (committed, now) for name, committed, now in quotes.compared(sampling, new)}
    assert rows["rows[0].seconds"] == (f"{sampling.read()['rows'][0]['seconds']:.1f}", "3.0")
    assert rows["0: seconds"][1] == "3.0"
    assert rows["rows[1].seconds"][1] == ""


def test_the_table_of_all_files_is_in_step() -> None:
    text = text_of(quotes.INDEX)
    table = text[text.index(quotes.BEGIN) + len(quotes.BEGIN) : text.index(quotes.END)].strip()
    assert table == quotes.index_table(RESULTS), "run `python benchmarks/records.py --index`"


# --- the notation -----------------------------------------------------------------------------------------------------

DATA: dict[str, Any] = {
    "seeds": 3,
    "nothing": None,
    "rows": {
        "fast, 20 s": {"runs": [{"seed": 1, "x": 0.976}, {"seed": 2, "x": 0.978}], "seconds": [9.46, 10.02]},
        "fast, 60 s": {"runs": [{"seed": 1, "x": 0.99}], "seconds": [59.98, 60.02]},
    },
    "list": [{"name": "a", "size": 128, "ms": 8.9}, {"name": "b", "size": 128, "ms": 110.66}],
}
WHOLE = Place(DATA, "", DATA)


@pytest.mark.parametrize(
    ("expression", "form", "expected"),
    [
        ("seeds", "", "3"),
        ("seeds", "words", "three"),
        ("nothing", ".1f", "–"),
        ('rows["fast, 20 s"].runs[].x | mean', ".1 %", "97.7 %"),
        ('rows["fast, 20 s"].runs[].x | std | percent', ".2f", "0.14"),
        ('rows["fast, 20 s"].runs[seed=2].x', ".0%", "98%"),
        ('rows["*60 s"].runs[0].x', ".2f", "0.99"),
        ("rows[].runs[] | count", "", "3"),
        ("rows[0].seconds[] | range", ".1f", "9.5 to 10.0"),
        ("rows[1].seconds[] | range", ".0f", "60"),
        ("list[].ms | list", "~2", "8.90 and 111"),
        ('list[].ms | list " · "', ".0f", "9 · 111"),
        ("list[-1].ms", "~1", "111"),
        ("list[name=a, size=128].ms | over seeds", ".2f", "2.97"),
        ("list[name=*b].ms", ".0f", "111"),
        ("list[].ms | over list[].size | max | times 1000", ".0f", "865"),
        ("list[].ms | minus 10 | within 2 | count", "", "1"),
        ("list[1].ms | plus 1000 | near 100", ",", "1,100"),
        ("$.seeds | times 24 | plus 3", "words", "seventy-five"),
        ("list[0].name", "", "a"),
    ],
)
def test_an_expression_has_this_value(expression: str, form: str, expected: str) -> None:
    assert quotes.written(quotes.computed(expression, WHOLE), form) == expected


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("rows.nowhere", "nothing at `.nowhere`"),
        ('rows["fast, 30 s"].runs', "nothing at"),
        ("list[5]", r"nothing at `\[5\]`"),
        ("rows[].runs[].x", "leads to 3 values; add mean"),
        ("seeds | average", "no such function; the functions are mean"),
        ("rows..runs", "cannot be read from"),
        ("list[].ms | over rows[].runs[].x", "do not go together"),
        ("__import__('os').getcwd()", "cannot be read|nothing at"),
    ],
)
def test_a_wrong_expression_is_an_error(expression: str, fault: str) -> None:
    with pytest.raises(QuoteError, match=fault):
        quotes.computed(expression, WHOLE)


def test_an_entry_with_entries_is_no_number() -> None:
    with pytest.raises(QuoteError, match="not to a value"):
        quotes.statements(Quote("page", "{rows:.1f} ms"), DATA)


def test_a_text_is_repeated_over_the_rows_of_a_file() -> None:
    quote = Quote("page", '| {@key | after "fast, "} | {runs[] | count} |\n  of {$.seeds}', "rows[]")
    assert [each.text for each in quotes.statements(quote, DATA)] == ["| 20 s | 2 | of 3", "| 60 s | 1 | of 3"]


def test_a_text_is_repeated_over_given_rows() -> None:
    quote = Quote("page", '<label>: {rows["fast, <time>"].runs[] | count} in <time>', [{"label": "1 s", "time": "20 s"}])
    (statement,) = quotes.statements(quote, DATA)
    assert statement.text == "1 s: 2 in 20 s"
    (spans,) = statement.found_in(f"in {statement.text}")
    assert [f"in {statement.text}"[start:end] for start, end in spans] == ["2", "20 s"]  # "1 s" selects nothing


PAGE = """# 12 ms in a title

A step takes 8.7 ms, `--minutes 10`, in [5 s](x.md): 94.4 ± 0.5 % of 3 images
or 1,022 requests/s, in float32.

- from 9.5 to 10.0 s

| budget | class accuracy | seeds |
|---|---|---|
| 20 s | 0.976 | 5 |
"""


def numbers_of(text: str) -> list[str]:
    return [block.text[start:end] for block in quotes.page_blocks(text) for start, end in block.numbers]


def test_measured_numbers_are_found() -> None:
    assert numbers_of(PAGE) == ["8.7", "94.4", "0.5", "1,022", "9.5", "10.0", "20", "0.976"]
    assert numbers_of("```text\n5 s\n```\n\n<!-- 5 s -->\n\nAt 5 pixels, 3 images and 10,000 classes.") == []


def result_of(*quotes: Quote) -> Result:
    return Result("numbers", "numbers.json", ("make test",), "", "", (), "", quotes, "")


def test_a_number_is_covered_by_its_placeholder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Result, "read", lambda self: {"ms": 8.7})
    text = "A step takes 8.7 ms, and no more than 9 ms."
    quote = Quote("page", "A step takes {ms} ms, and no more than 9 ms.")
    assert quotes.uncovered("page", text, [result_of(quote)], []) == [(text, ["d no more than 9 ms."])]
    explained = quotes.NotMeasured("page", "no more than 9 ms", whole=False, reason="a limit")
    assert quotes.uncovered("page", text, [result_of(quote)], [explained]) == []
    (elsewhere,) = quotes.uncovered("other page", text, [result_of(quote)], [explained])
    assert elsewhere == (text, ["A step takes 8.7 ms, and no mor", "d no more than 9 ms."])


def test_a_changed_number_is_reported_with_what_stands_there() -> None:
    quote = Quote("page.md", "A step takes {ms} ms")
    assert list(faults_of(quote, {"ms": 8.7}, "Short. A step takes 8.7 ms, today.", "f.json")) == []
    (message,) = faults_of(quote, {"ms": 9.1}, "Short. A step takes 8.7 ms, today.", "f.json")
    assert message == "page.md states:  A step takes 8.7 ms\nf.json:  A step takes 9.1 ms\n"
    assert list(faults_of(quote, {"ms": 8}, "A step takes 8 ms.", "f.json")) == []


def test_a_number_is_not_found_within_a_longer_one() -> None:
    assert quotes.places_in("8.7 ms", "in 18.7 ms") == []
    assert quotes.places_in("takes 8", "takes 8.5 or takes 80") == []
    assert quotes.places_in("takes 8", "takes 8. It takes 8, too.") == [0, 12]


def test_a_value_in_the_middle_may_be_written_either_way() -> None:
    quote = Quote("page.md", "{ms:.0f} ms, {share:.1 %}, {range[] | range:.0f}, {list[] | list:.1f}")
    data = {"ms": 444.5, "share": 0.9605, "range": [0.5, 8.7], "list": [0.25, 3.0]}
    (statement,) = quotes.statements(quote, data)
    assert statement.text == "444 ms, 96.0 %, 0 to 9, 0.2 and 3.0"
    assert statement.found_in("445 ms, 96.1 %, 1 to 9, 0.3 and 3.0") == [[(0, 3), (8, 14), (16, 22), (24, 35)]]
    assert statement.found_in("446 ms, 96.1 %, 1 to 9, 0.3 and 3.0") == []


def test_two_equal_ends_are_one_number() -> None:
    assert quotes.written(Between(59.98, 60.02), ".0f") == "60"
    assert quotes.written(Between(1, 2000), ",") == "1 to 2,000"


def test_a_section_without_a_command_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "quoted.toml"
    for text, fault in (
        ('[a]\ncommand = "make test"', "needs `command`, and either"),
        ('[a]\ncommand = "make test"\ncannot = "no"\nshrt = "x"', "unknown entries shrt"),
        ('[[not_measured]]\npage = "README.md"\ntext = "5 s"', "needs page, reason"),
    ):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(QuoteError, match=fault):
            quotes.load(table)


# --- properties of the data and of files, which no benchmark measures -------------------------------------------------


def test_properties_of_mnists_test_images() -> None:
    from digitgan.data import load_image_set
    from digitgan.evaluation import classifier_for, classify_images
    from digitgan.evaluation.metrics.speckles import speckled

    test = load_image_set("mnist", "test")
    share = f"{speckled(test.images).mean():.1%}".replace("%", " %")
    for page in ("docs/guides/evaluation.md", "docs/records/speed.md"):
        assert f"{share} of MNIST's test images" in text_of(page) or f"{share} of real" in " ".join(text_of(page).split())
    classifier = classifier_for(load_image_set("mnist"), lambda line: None).classifier
    own_class = classify_images(classifier, test.images)[1][np.arange(len(test)), test.labels]
    told = " ".join(text_of("docs/guides/generation.md").split())
    above = r"a probability above 0.5, (\d+) % above 0.9, and (\d+) % above 0.97"
    shares = re.search(rf"gives (\d+) % of MNIST's test images {above}", told)
    assert shares is not None
    for share, limit in zip(shares.groups(), (0.5, 0.9, 0.97), strict=True):
        assert abs(int(share) / 100 - (own_class > limit).mean()) < 0.01  # processors round differently


def test_the_size_of_the_runtime_of_the_exported_page() -> None:
    runtime = ROOT / "src" / "digitgan" / "exporters" / "web" / "runtime"
    size = sum(path.stat().st_size for path in runtime.iterdir() if path.suffix != ".wat")  # the source of the .wasm stays here
    told = f"untime of {round(size, -4) // 1000} KB"
    assert told in " ".join(text_of("docs/guides/export.md").split())
    assert told in " ".join(text_of("docs/guides/studio.md").split())


def test_the_examples_of_the_notation_hold() -> None:
    found = doctest.testmod(quotes.formats)
    assert found.attempted >= 2
    assert found.failed == 0


def test_json_files_are_written_with_a_line_end() -> None:
    for path in quotes.RESULTS.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        assert text.endswith("}\n"), path.name
