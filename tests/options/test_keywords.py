"""The types of the keywords of Python functions; `python -m tests.options.test_keywords` writes them anew."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from digitgan import api, options
from digitgan.options import keywords

FILE = Path(keywords.__file__)

FUNCTIONS = {
    "TrainOptions": ("train", "recipe"),
    "SampleOptions": ("sample_to_files", "model"),
    "EvaluateOptions": ("evaluate", "source"),
    "CompareOptions": ("compare", "what"),
    "ExportOptions": ("export", "model"),
    "ImportOptions": ("import_keras", "source"),
}
"""The options classes -> the function that takes them, and its own parameter among them."""

SOURCES = "Path | str | Sequence[Path | str]"
"""The type of `data`: one source or several."""

HEADER = '''"""The keywords of the functions of `import digitgan`, for type checkers and editors.

Written by `python -m tests.options.test_keywords` from the options classes; do not edit. Only type checkers read this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict
'''


def text_of(kind: Any) -> str:
    """Return the type that a keyword takes: paths also as strings, and tuples as any sequence."""
    if kind is Path:
        return "Path | str"
    if kind == tuple[str, ...]:
        return "Sequence[str]"
    if get_origin(kind) is Literal:
        values = ", ".join(f'"{value}"' if isinstance(value, str) else repr(value) for value in get_args(kind))
        return f"Literal[{values}]"
    if get_args(kind) and get_origin(kind) is not tuple:  # a union
        return " | ".join(dict.fromkeys(part for each in get_args(kind) for part in text_of(each).split(" | ")))
    return "None" if kind is type(None) else str(getattr(kind, "__name__", kind)) if get_origin(kind) is None else str(kind)


def expected() -> str:
    parts = [HEADER]
    for name, (function, own) in FUNCTIONS.items():
        kind = getattr(options, name)
        hints = get_type_hints(kind)
        fields = [field.name for field in dataclasses.fields(kind) if field.name != own]
        lines = [f"    {each}: {text_of(hints[each]) if each != 'data' else SOURCES}" for each in fields]
        head = f"class {name.removesuffix('Options')}Keywords(TypedDict, total=False):"
        parts.append("\n".join([head, f'    """The keywords of `digitgan.{function}`."""', "", *lines, ""]))
    return "\n\n".join(parts)


def test_the_keywords_are_those_of_the_options() -> None:
    assert FILE.read_text(encoding="utf-8") == expected(), "run python -m tests.options.test_keywords"


def test_every_function_with_options_has_keywords() -> None:
    text = Path(api.__file__).read_text(encoding="utf-8")
    for name, (function, _) in FUNCTIONS.items():
        kind = f"{name.removesuffix('Options')}Keywords"
        assert re.search(rf"def {function}\([^)]*\*\*options: Unpack\[{kind}\]", text), function
    assert text.count("@takes_options(") == len(FUNCTIONS)


if __name__ == "__main__":
    FILE.write_text(expected(), encoding="utf-8")
