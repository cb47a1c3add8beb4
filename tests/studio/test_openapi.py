"""Fuzz tests of the API against its OpenAPI document: no request causes a server error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PATIENCE
from tests.studio.conftest import Studio


@pytest.mark.long
def test_no_request_that_fits_the_description_breaks_the_server(studio: Studio, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{studio.url}/openapi.json",
        "--checks=not_a_server_error,status_code_conformance,content_type_conformance",
        "--exclude-path-regex=(events|lab)$",  # event streams end only with the run
        "--max-examples=25",
        "--seed=1",
        f"--request-timeout={PATIENCE:g}",
        "--suppress-health-check=all",
        "--phases=examples,coverage,fuzzing",
        "--exclude-method=POST",  # POST starts processes; see tests/studio/test_run_routes.py
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.findall(r"generated, (\d+) passed", done.stdout)[-1]) > 100
