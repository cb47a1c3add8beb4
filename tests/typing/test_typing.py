"""The type hints as users have them: mypy and pyright check programs outside of the repository against the package."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import digitgan

PROGRAMS = Path(__file__).parent
CLIENT, WRONG = PROGRAMS / "client.py", PROGRAMS / "wrong.py"

Errors = dict[tuple[str, int], str]
"""What a type checker reports: name of the file and line -> message."""


def mypy_errors(folder: Path, environment: dict[str, str]) -> Errors:
    command = ["mypy", "--strict", "--config-file=", "--cache-dir=cache", "--output=json", CLIENT.name, WRONG.name]
    lines = checked(command, folder, environment).splitlines()
    found = [json.loads(line) for line in lines]
    return {(each["file"], each["line"]): each["message"] for each in found if each["severity"] == "error"}


def pyright_errors(folder: Path, environment: dict[str, str]) -> Errors:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    command = ["basedpyright", "--outputjson", "--pythonpath", sys.executable, CLIENT.name, WRONG.name]
    found = json.loads(checked(command, folder, environment))["generalDiagnostics"]
    return {(Path(each["file"]).name, each["range"]["start"]["line"] + 1): each["message"] for each in found}


def checked(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Return what a type checker prints about programs with errors."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr  # 0: no errors; 2 and more: the checker itself failed
    return done.stdout


CHECKERS = {"mypy": mypy_errors, "pyright": pyright_errors}


@pytest.mark.parametrize("checker", CHECKERS)
def test_type_checkers_accept_right_programs_and_report_each_mistake(checker: str, tmp_path: Path) -> None:
    for program in (CLIENT, WRONG):
        shutil.copy(program, tmp_path)
    # Without network and without the settings of the user, of the repository and of other tools.
    environment = {name: value for name, value in os.environ.items() if not re.match(r"(MYPY|PYTHON|PYRIGHT|https?_)", name)}
    nowhere = "http://127.0.0.1:9"
    found = CHECKERS[checker](tmp_path, environment | {"HOME": str(tmp_path), "http_proxy": nowhere, "https_proxy": nowhere})
    lines = WRONG.read_text(encoding="utf-8").splitlines()
    mistakes = {(WRONG.name, number) for number, line in enumerate(lines, start=1) if "# mistake: " in line}
    assert len(mistakes) > 10
    assert {place: message for place, message in found.items() if place not in mistakes} == {}
    assert mistakes - found.keys() == set()


def test_the_right_program_uses_every_offered_name() -> None:
    tree = ast.parse(CLIENT.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "digitgan"
    }
    assert used == set(digitgan.__all__)
