"""Tests of access control and security headers."""

from __future__ import annotations

import contextlib
import http.client
import os
import sys
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import processes
from tests.processes import PATIENCE
from tests.studio.conftest import Studio, open_studio


def raw(studio: Studio, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, HTTPMessage]:
    """Send a request without normalising its path; return the status and headers of the response."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(studio.url).netloc, timeout=PATIENCE)) as connection:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        if body is not None:
            connection.send(body)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]"])
def test_another_name_for_this_machine_is_refused(studio: Studio, host: str) -> None:
    assert raw(studio, "/api/v1/models", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:80", "LOCALHOST"])
def test_this_machine_may_be_called_by_its_own_names(studio: Studio, host: str) -> None:
    assert raw(studio, "/api/v1/models", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "x", "http://["])
def test_another_page_is_refused(studio: Studio, origin: str) -> None:
    assert raw(studio, "/api/v1/models", Origin=origin)[0] == 403


def test_a_picture_in_another_page_is_refused(studio: Studio) -> None:
    assert raw(studio, "/api/v1/sample", Sec_Fetch_Site="cross-site")[0] == 403
    assert raw(studio, "/api/v1/sample", Sec_Fetch_Site="same-origin")[0] == 200


def test_the_own_page_is_not(studio: Studio) -> None:
    assert raw(studio, "/api/v1/models", Origin=studio.url)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs/..%2fsmall",
        "/api/v1/runs/%2e%2e/history",
        "/api/v1/runs/../../etc",
        "/api/v1/runs/%2Fetc%2Fpasswd",
        "/api/v1/runs/.studio",
        "/api/v1/runs/linked",
        "/api/v1/runs/small%00",
        "/api/v1/models/..%2f..%2fx",
        "/../app.py",
        "/%2e%2e/app.py",
        "/..%2fapp.py",
    ],
)
def test_no_name_leads_out_of_the_folder(studio: Studio, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.json").write_text((studio.runs / "small" / "run.json").read_text())
    link = studio.runs / "linked"
    link.symlink_to(outside)
    try:
        assert raw(studio, path)[0] in (400, 404)
        assert "linked" not in studio.get("/api/v1/runs").text
    finally:
        link.unlink()


def test_a_body_is_at_most_a_megabyte(studio: Studio) -> None:
    announced = raw(studio, "/api/v1/runs", "POST", Content_Length="1000001", Content_Type="application/json")
    assert announced[0] == 413
    chunk = b"%x\r\n%s\r\n" % (600_000, b" " * 600_000)
    unannounced = raw(
        studio, "/api/v1/runs", "POST", chunk * 2 + b"0\r\n\r\n", Transfer_Encoding="chunked", Content_Type="application/json"
    )
    assert unannounced[0] == 413
    assert raw(studio, "/api/v1/runs", "POST", b"{", Content_Length="1", Content_Type="application/json")[0] == 422


def test_a_parameter_that_is_mistyped_is_refused(studio: Studio) -> None:
    answer = studio.get("/api/v1/sample?label=7")
    assert answer.status_code == 422
    assert "'labels'" in answer.json()["error"]
    assert studio.get("/api/v1/runs?x=1").status_code == 422
    assert studio.get("/api/v1/models?token=as-a-link-shares-it").status_code == 200


def test_those_who_watch_over_servers_hear_of_all_requests(studio: Studio) -> None:
    assert raw(studio, "/health", "HEAD")[0] == 200
    assert raw(studio, "/api/v1/models", Host="evil.example")[0] == 421
    counted = studio.get("/metrics").text
    assert 'digitgan_requests_total{route="other",status="421"}' in counted
    assert 'digitgan_requests_total{route="/health",status="200"}' in counted


def test_every_answer_says_what_a_page_may_load(studio: Studio) -> None:
    for path in ("/", "/main.js", "/docs", "/api/v1/models", "/nothing", "/api/v1/sample?labels=x"):
        headers = studio.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert raw(studio, "/", Host="evil.example")[1]["content-security-policy"]


@pytest.fixture(scope="module")
def open_to_others(runs: Path) -> Iterator[Studio]:
    yield from open_studio(runs, "--host", "0.0.0.0")


def test_another_address_needs_the_token(open_to_others: Studio) -> None:
    there = open_to_others
    assert len(there.token) > 20
    assert urlsplit(there.url).hostname == "127.0.0.1", "a browser cannot open 0.0.0.0"
    assert there.get("/").status_code == 401
    assert there.get("/api/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert there.get("/api/v1/models", headers={"Authorization": f"Bearer {there.token}"}).status_code == 200
    assert there.get("/health").status_code == 200
    opened = there.get(f"/?token={there.token}")
    assert opened.status_code == 200
    assert "HttpOnly" in opened.headers["set-cookie"]
    assert "SameSite=Strict" in opened.headers["set-cookie"]
    cookie = opened.headers["set-cookie"].partition(";")[0]
    assert there.get("/api/v1/models", headers={"Cookie": cookie}).status_code == 200
    assert there.get("/api/v1/models", headers={"Cookie": "digitgan-token=wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--port", "70000"), "--port 70000"),
        (("--host", "0.0.0.0", "--token", ""), "--token"),
        (("--host", "0.0.0.0", "--quiet"), "choose one with --token"),
        (("--token", "a;b&c#d and so on, é"), "--token"),
        (("--host", "256.1.1.1"), "--host 256.1.1.1"),
        (("--port", "x"), "--port"),
    ],
)
def test_an_address_that_cannot_be_is_refused(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "digitgan", "serve", str(tmp_path), *options]
    done = processes.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=dict(os.environ))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_refused(studio: Studio, tmp_path: Path) -> None:
    port = str(urlsplit(studio.url).port)
    command = [sys.executable, "-m", "digitgan", "serve", str(tmp_path), "--port", port]
    done = processes.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert f"--port {port}" in done.stderr


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/runs", "/api/v1/sample", "/api/v1/runs/none/events"])
def test_a_head_request_is_answered_as_the_get_request_without_a_body(studio: Studio, path: str) -> None:
    status, headers = raw(studio, path, "HEAD")
    expected, others = raw(studio, path)
    assert (status, headers["content-type"]) == (expected, others["content-type"])


def test_the_head_of_a_stream_of_events_ends(studio: Studio) -> None:
    (name, *_) = [run["name"] for run in studio.get("/api/v1/runs").json()["runs"]]
    status, headers = raw(studio, f"/api/v1/runs/{name}/events", "HEAD")
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")


def test_a_browser_without_the_token_gets_a_page_that_asks_for_it(open_to_others: Studio) -> None:
    there = open_to_others
    for path in ("/", "/docs", "/?token=wrong"):
        page = there.get(path, headers={"Accept": "text/html,application/xhtml+xml"})
        assert page.status_code == 401
        assert "This page needs a token" in page.text
        assert '<form method="get" action="/">' in page.text
        assert "form-action 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert there.token not in page.text
    assert there.get("/api/v1/models", headers={"Accept": "text/html"}).json()["error"].startswith("missing or wrong token")
