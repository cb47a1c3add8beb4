"""Image sets of the user's own in the studio: uploads, folders, summaries, and trainings on them."""

from __future__ import annotations

import http.client
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.studio.conftest import Studio, open_studio

API = "/api/v1"


def packed(*names: str, size: tuple[int, int] = (20, 20)) -> bytes:
    """Return a ZIP archive of noise pictures."""
    file, noise = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            content = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(content, "PNG")
            archive.writestr(name, content.getvalue())
    return file.getvalue()


PETS = packed(*(f"pets/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(12)))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an image set and a file that is none."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    folder.mkdir()
    (folder / "pets.zip").write_bytes(PETS)
    (folder / "notes.txt").write_text("no pictures")
    (folder / ".hidden").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    yield from open_studio(tmp_path_factory.mktemp("own") / "runs", "--data-root", str(root))


def put(studio: Studio, name: str, content: bytes) -> httpx.Response:
    return httpx.put(f"{studio.url}{API}/data/upload", params={"file": name}, content=content, timeout=60)


def test_entries_of_the_folder_are_listed(server: Studio) -> None:
    found = server.get(f"{API}/data").json()["data"]
    assert found[:3] == ["pictures", "pictures/notes.txt", "pictures/pets.zip"]


def test_an_upload_is_understood_shown_trained_and_removed(server: Studio) -> None:
    done = put(server, "my pets.zip", PETS)
    assert (done.status_code, done.json()) == (201, {"name": "upload/my pets.zip"})
    values = {"name": "upload/my pets.zip", "size": "16"}
    found = server.get(f"{API}/data/summary", params=values).json()
    assert found["splits"]["train"]["counts"] == {"cat": 12, "dog": 12}
    assert found["splits"]["train"]["shape"] == [3, 16, 16]
    assert any("16x16" in note for note in found["notes"])
    assert any("fewer than" in warning for warning in found["warnings"])
    assert found["training"]["recipe"] == "colour-few-shot"
    sheet = server.get(f"{API}/data/classes.png", params=values)
    assert sheet.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(sheet.content)).height > 100
    new = {"recipe": "fast", "data": "upload/my pets.zip", "size": "16", "images": 64, "name": "pets"}
    assert server.post(f"{API}/runs", json=new).status_code == 201
    assert put(server, "my pets.zip", PETS).status_code == 400
    assert server.post(f"{API}/data/remove", params={"name": "upload/my pets.zip"}).status_code == 200
    assert "upload/my pets.zip" not in server.get(f"{API}/data").json()["data"]


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.txt", PETS, ".zip"),
        ("../a.zip", PETS, ".zip"),
        (".a.zip", PETS, ".zip"),
        ("a.zip", b"no archive", "ZIP"),
        ("b.zip", packed("../out.png"), "leads out"),
        ("c.zip", PETS[:-100], "ZIP"),
        ("d.zip", b"", "ZIP"),
    ],
)
def test_an_upload_that_is_no_archive_of_pictures_is_refused_and_not_kept(
    server: Studio, name: str, content: bytes, named: str
) -> None:
    before = server.get(f"{API}/data").json()
    done = put(server, name, content)
    assert done.status_code == 400
    assert named in done.json()["error"]
    assert server.get(f"{API}/data").json() == before
    uploads = server.runs / ".studio" / "data"
    assert not uploads.exists() or [path.name for path in uploads.iterdir() if path.name.endswith(".part")] == []


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Studio) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    connection.putrequest("PUT", f"{API}/data/upload?file=a.zip")
    connection.putheader("Content-Length", str(2 * 10**9))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    assert httpx.post(f"{server.url}{API}/data/remove?name=x", content=b"x" * 2_000_000).status_code == 413


@pytest.mark.parametrize("name", ["pictures/none", "pictures/../pets.zip", "/etc", "upload/none.zip", "upload", "other", ""])
def test_only_entries_that_are_listed_can_be_named(server: Studio, name: str) -> None:
    for path in ("summary", "classes.png"):
        assert server.get(f"{API}/data/{path}", params={"name": name}).status_code == 404
    assert server.post(f"{API}/data/remove", params={"name": name}).status_code == 404
    assert server.post(f"{API}/runs", json={"data": name, "images": 64}).status_code in (400, 422)


def test_what_is_no_image_set_says_so(server: Studio) -> None:
    done = server.get(f"{API}/data/summary", params={"name": "pictures/notes.txt"})
    assert done.status_code == 400
    assert "notes.txt" in done.json()["error"]
    done = server.get(f"{API}/data/summary", params={"name": "pictures/pets.zip", "size": "0"})
    assert done.status_code == 400
    assert "--size" in done.json()["error"]


def test_folders_are_never_changed(server: Studio, root: Path) -> None:
    done = server.post(f"{API}/data/remove", params={"name": "pictures/pets.zip"})
    assert done.status_code == 400
    assert (root / "pets.zip").read_bytes() == PETS


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.cli.commands import run

    assert run("serve", str(tmp_path / "runs"), "--data-root", str(tmp_path / "none"), "--port=0") == 2
    assert "--data-root" in capsys.readouterr().err
