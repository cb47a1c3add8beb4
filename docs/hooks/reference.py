"""The generated reference pages: the command line, the settings of a recipe, the HTTP API, and tables of options.

Each is made from the declarations in the package, so that it cannot differ from the program.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from tyro.conf import Positional

import digitgan.options
from digitgan.cli.entry import COMMANDS, GROUPS
from digitgan.options import fill_in_tables, help_of
from digitgan.recipes import BLANK, DISCRIMINATOR_FAMILIES, GENERATOR_FAMILIES, Recipe

BOOSTED = "---\nsearch:\n  boost: 3\n---"
"""The head of pages that the search shall find first."""

OFTEN_ASKED = {
    "Learning rate": "`optimizer.generator_learning_rate`, `optimizer.discriminator_learning_rate` ([optimizer](#optimizer)).",
    "Label smoothing": "`loss.label_smoothing`, in [loss](#loss).",
    "Length and batch size": "`training.images` and `training.batch_size`, in [training](#training).",
}
"""What readers search for by other words than the name of the setting. The search finds titles first."""

TYPES = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH"}


class Option(NamedTuple):
    """An argument or an option of a command."""

    name: str
    keyword: str
    positional: bool
    values: str
    default: str
    help: str


# --- the command line -------------------------------------------------------------------------------------------------


def command_line() -> str:
    """Return the page of every command with its arguments and options."""
    parts = [
        BOOSTED,
        "# Command line",
        "`digitgan COMMAND --help` prints the same in the terminal. An option may be written with `-` or `_`. "
        "`--quiet` prints nothing, and `--json` prints one machine-readable result.",
        "| command | what it does |\n|---|---|\n"
        + "\n".join(f"| [`{name}`](#{name.replace(' ', '-')}) | {_summary(function)} |" for name, function in COMMANDS.items()),
    ]
    for name, function in COMMANDS.items():
        if (group := name.partition(" ")[0]) in GROUPS and name == next(each for each in COMMANDS if each.startswith(group)):
            parts.append(GROUPS[group])
        options = list(_options_of(function))
        words = [
            f"[{each.name}]" if each.default or "None" in each.values else each.name for each in options if each.positional
        ]
        text = inspect.cleandoc(fill_in_tables(function.__doc__ or "")).partition("\n\nArgs:")[0]
        parts += [f"## {name}", f"```text\ndigitgan {' '.join([name, *words])} [OPTIONS]\n```", _escaped(text)]
        for title, chosen in (("argument", True), ("option", False)):
            if rows := [each for each in options if each.positional == chosen]:
                parts.append(_table(title, rows))
    return "\n\n".join(parts) + "\n"


def _summary(function: Callable[..., None]) -> str:
    return _escaped(inspect.cleandoc(fill_in_tables(function.__doc__ or "")).partition("\n\n")[0].replace("\n", " "))


def _table(title: str, rows: Iterable[Option]) -> str:
    head = f"| {title} | value | default | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(f"| `{each.name}` | {each.values} | {each.default} | {_escaped(each.help)} |" for each in rows)


def _options_of(function: Callable[..., None]) -> Iterator[Option]:
    documented = _documented(function.__doc__ or "")
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        kind = get_args(hint)[0] if get_origin(hint) is not None and dataclasses.is_dataclass(get_args(hint)[0]) else hint
        if dataclasses.is_dataclass(kind):
            yield from options_of_class(kind)
        else:
            positional = parameter.kind is parameter.POSITIONAL_ONLY
            yield _option(parameter.name, hint, parameter.default, documented.get(parameter.name, ""), positional)


def options_of_class(kind: Any) -> Iterator[Option]:
    """Yield the options of a class of `digitgan.options`."""
    texts, hints = help_of(kind), get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        yield _option(field.name, hints[field.name], default, texts[field.name], Positional in _flat(hints[field.name]))


def _option(name: str, hint: Any, default: Any, text: str, positional: bool) -> Option:
    notes = [each for each in _flat(hint) if hasattr(each, "help_behavior_hint") or hasattr(each, "metavar")]
    given = next((each.name for each in notes if getattr(each, "name", None)), None)
    metavar = next((each.metavar for each in notes if getattr(each, "metavar", None)), None)
    text = text or next((each.help for each in notes if getattr(each, "help", None)), "")
    flag = bool in _flat(hint)
    off = flag and default is True  # such as --no-show
    long = "--" + (f"no_{name}" if off else given or name).strip("_").replace("_", "-")
    shown = "" if default in (None, (), inspect.Parameter.empty, dataclasses.MISSING) or flag else f"`{default}`"
    label = (metavar or name.upper()) if positional else long
    return Option(label, name, positional, "" if flag else _values(hint, metavar), shown, fill_in_tables(text))


def _flat(hint: Any) -> list[Any]:
    """Return all parts of an annotation, also of a nested one."""
    parts = [hint, *getattr(hint, "__metadata__", ())]
    for each in get_args(hint):
        parts += _flat(each) if get_origin(hint) is not Literal else [each]
    return parts


def _values(hint: Any, metavar: str | None) -> str:
    parts = _flat(hint)
    for each in parts:
        if get_origin(each) is Literal:
            return ", ".join(f"`{value}`" for value in get_args(each))
    if metavar:
        return metavar.replace("|", "\\|")
    return next((TYPES[each] for each in parts if isinstance(each, type) and each in TYPES), "")


def _documented(docstring: str) -> dict[str, str]:
    _, _, arguments = inspect.cleandoc(docstring).partition("Args:")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", arguments, re.M)
    return {name: " ".join(text.split()) for name, text in found}


def _escaped(text: str) -> str:
    """Return the text of a docstring or of a help as Markdown: options as code, and no cell of a table ends early."""
    text = re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)", r"`\1`", text)
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")


# --- options of the Python functions ------------------------------------------------------------------------------------


def table_of_options(name: str) -> str:
    """Return the table of the keyword arguments that a function takes from a class of `digitgan.options`."""
    rows = options_of_class(getattr(digitgan.options, name))
    head = "| keyword | value | default | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(
        f"| `{each.keyword}` | {each.values or 'bool'} | {each.default} | {_escaped(each.help)} |" for each in rows
    )


# --- the settings of a recipe -----------------------------------------------------------------------------------------


def settings() -> str:
    """Return the page of all settings of a recipe: section by section, with default, range and meaning."""
    parts = [
        BOOSTED,
        "# Settings of a recipe",
        "A recipe is the complete configuration of a training. `digitgan recipes NAME` prints one as TOML, "
        "`--config FILE.toml` reads it, and `--set section.key=value` changes one setting. The defaults below are those of a "
        "recipe that states nothing; the recipes of the package change some of them. The sections `generator` and "
        "`discriminator` have other settings for each `family`.",
    ]
    for title, text in OFTEN_ASKED.items():
        parts += [f"## {title}", text]
    for section in dataclasses.fields(Recipe)[2:]:
        if section.name == "generator":
            families = GENERATOR_FAMILIES
        elif section.name == "discriminator":
            families = DISCRIMINATOR_FAMILIES
        else:
            parts += [f"## {section.name}", _settings_of(type(getattr(BLANK, section.name)), section.name)]
            continue
        parts.append(f"## {section.name}")
        for name, kind in families.items():
            parts += [f"### {section.name}.family = {name}", _settings_of(kind, section.name)]
    return "\n\n".join(parts) + "\n"


def _settings_of(kind: Any, section: str) -> str:
    text = inspect.cleandoc(kind.__doc__ or "")
    about, _, attributes = text.partition("Attributes:")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.M)
    meanings = {name: " ".join(words.split()) for name, words in found}
    rows = ["| setting | default | values | meaning |\n|---|---|---|---|"]
    for field in dataclasses.fields(kind):
        name, meaning = f"{section}.{field.name}", _escaped(meanings.get(field.name, ""))
        rows.append(f"| `{name}` | `{_shown(field.default)}` | {_range(field)} | {meaning} |")
    return f"{' '.join(about.split())}\n\n" + "\n".join(rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(list(value) if isinstance(value, tuple) else value)


def _range(field: Any) -> str:
    limits = field.metadata
    if limits.get("names"):
        return ", ".join(f"`{name}`" for name in limits["names"])
    if limits.get("low") is not None:
        return f"{limits['low']:g} to {limits['high']:g}"
    return "true, false" if isinstance(field.default, bool) else "text"


# --- the HTTP API -----------------------------------------------------------------------------------------------------


def http_api() -> str:
    """Return the page of the routes of the studio, from its OpenAPI description."""
    from digitgan.studio.access import AccessPolicy
    from digitgan.studio.app import create_app

    with tempfile.TemporaryDirectory() as runs:
        app = create_app(Path(runs), AccessPolicy(("localhost",), None))
        described = app.openapi()
        app.state.services.process_manager.close()
        app.state.services.batcher.close()
    parts = [
        "# HTTP API",
        "`digitgan serve` answers these requests. The server's own description is `/openapi.json`. "
        "[The studio](../guides/studio.md#http-api) has examples, and says what limits there are. An error is JSON, "
        '`{"error": "…"}`, with the status 400 or 422 for an invalid request, 401 without the token, 404 for an unknown name, '
        "409 for a run in another state, 413 for a body that is too large, and 429 for too many requests.",
    ]
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            if not isinstance(route, dict) or "responses" not in route:
                continue
            text = route.get("description") or route.get("summary", "")
            parts += [f"## {method.upper()} {path}", _escaped(text)]
            rows = [
                f"| `{each['name']}` | {each['in']} | {_kind_of(each['schema'])} | {_escaped(_described(each))} |"
                for each in route.get("parameters", ())
            ]
            if rows:
                parts.append("| parameter | in | value | meaning |\n|---|---|---|---|\n" + "\n".join(rows))
            if body := route.get("requestBody"):
                schema = next(iter(body["content"].values()))["schema"]
                parts.append(_body(schema, described))
            successes = [_answer(code, each) for code, each in route["responses"].items() if code.startswith("2")]
            parts.append(f"Answer: {'; '.join(successes)}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _described(parameter: dict[str, Any]) -> str:
    return " ".join(str(parameter.get("description") or parameter["schema"].get("description") or "").split())


def _answer(code: str, response: dict[str, Any]) -> str:
    kinds = ", ".join(f"`{kind}`" for kind in response.get("content", {}))
    return f"{code}{f' as {kinds}' if kinds else ''}"


def _kind_of(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind_of(each) for each in schema["anyOf"] if each.get("type") != "null")) or "any"
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum", schema.get("exclusiveMaximum"))
    limits = (
        f", {low:,} to {high:,}" if low is not None and high is not None else f", at least {low:,}" if low is not None else ""
    )
    default = f", default `{schema['default']}`" if schema.get("default") not in (None, "") else ""
    return f"{schema.get('type', 'any')}{limits}{default}"


def _body(schema: dict[str, Any], described: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    fields = described.get("components", {}).get("schemas", {}).get(name, schema).get("properties", {})
    rows = [
        f"| `{field}` | {_kind_of(each)} | {_escaped(' '.join(str(each.get('description', '')).split()))} |"
        for field, each in fields.items()
    ]
    return "The body is JSON:\n\n| field | value | meaning |\n|---|---|---|\n" + "\n".join(rows) if rows else ""
