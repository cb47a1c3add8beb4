"""Scenario test of the main workflow without a network."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny
from tests.processes import PATIENCE

pytestmark = pytest.mark.usefixtures("mnist_caches_at_hand")

WATCH = """
import os, sys

LOCAL = ("127.0.0.1", "::1", "localhost", None)

def note(event, arguments):
    tried = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        tried = arguments[1][0]
    elif event == "socket.sendto" and isinstance(arguments[1], tuple):
        tried = arguments[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        tried = arguments[0]
    if tried is not None and tried not in LOCAL:
        with open(os.environ["TRIED"], "a") as file:
            print(sys.argv, event, tried, file=file)

sys.addaudithook(note)
"""
"""Imported by every Python process; records each connection attempt to another machine."""

JOURNEY = f"""
set -e
ip link set lo up
digitgan() {{ {sys.executable} -m digitgan "$@"; }}
digitgan doctor
digitgan recipes > recipes.txt
digitgan train {shlex.join(tiny.options(data="mnist"))} --out run
digitgan train --resume --images {2 * tiny.IMAGES} --out run
digitgan sample run --per-class 2 --out grid.png
digitgan sample --count 20 --format npz --out digits.npz
digitgan write 2026 --out 2026.png
digitgan walk --out walk.gif
digitgan evaluate run --images 200
digitgan export --format onnx --out mnist.onnx
digitgan export --format web --out page
{sys.executable} -m digitgan serve . --port 0 --json > address.json &
until [ -s address.json ]; do kill -0 $!; sleep 0.1; done
{sys.executable} - <<'ASK'
import json, urllib.request
address = json.load(open("address.json"))["url"]
picture = urllib.request.urlopen(address + "api/v1/sample?labels=7").read()
assert picture.startswith(b"\\x89PNG"), picture
ASK
kill $!
code=0
wait $! || code=$?
[ $code -eq 0 ] || [ $code -eq 143 ]
"""


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that records the connection attempts."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "watch"))
    monkeypatch.setenv("TRIED", str(tmp_path / "tried.txt"))
    return tmp_path / "tried.txt"


def without_network(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a network namespace without other hosts."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode:
        if os.environ.get("CI"):
            pytest.fail("CI needs `unshare -rn`")
        pytest.skip("needs network namespaces (`unshare -rn`)")
    return subprocess.run([unshare, "-rn", "bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.long
def test_the_main_journey_without_a_network(tmp_path: Path, tried: Path) -> None:
    (tmp_path / "work").mkdir()
    done = without_network(JOURNEY, tmp_path / "work")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert json.loads((tmp_path / "work" / "run" / "run.json").read_text())["status"] == "finished"
    assert not tried.exists(), tried.read_text()


def test_what_is_tried_is_noted(tmp_path: Path, tried: Path) -> None:
    program = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.create_connection(('192.0.2.1', 80), 1)"
    without_network(f'{sys.executable} -c "{program}"', tmp_path)
    assert "192.0.2.1" in tried.read_text()
