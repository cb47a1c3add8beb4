from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import archives
import pytest
from serving import Answer, Handler, Serve

from digitgan.data import Dataset, fetch
from digitgan.errors import DataError, DownloadError

NAMES = {f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")}


def respond(body: bytes, status: int = 200, announced: int | None = None) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def stall(handler: Handler) -> None:
    """Accept the request and never answer."""
    handler.server.mirror.closing.wait(20)  # type: ignore[attr-defined]


def stall_in_the_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "60")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b")
    stall(handler)


def trickle(handler: Handler) -> None:
    """Send a byte every 20 ms, which the timeout of a socket does not detect."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.mirror.closing.wait(0.02):  # type: ignore[attr-defined]
        handler.wfile.write(b"\x1f")


def trickle_the_head(handler: Handler) -> None:
    while not handler.server.mirror.closing.wait(0.02):  # type: ignore[attr-defined]
        handler.wfile.write(b"H")


def flood(handler: Handler) -> None:
    """Send more bytes than the file can have, without a Content-Length."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(bytes(1 << 16))


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


BAD: dict[str, tuple[Answer, str]] = {
    "not found": (respond(b"no", 404), "HTTP 404"),
    "web page": (respond(b"<!DOCTYPE html><html>log in</html>"), "web page"),
    "empty": (respond(b""), "empty"),
    "another content": (respond(gzip.compress(b"another")), "SHA-256"),
    "damaged gzip": (respond(gzip.compress(bytes(50))[:-3]), "gzip"),
    "truncated": (respond(b"\x1f\x8b1234", announced=100), "6 of 100 bytes"),
    "announces too much": (respond(b"", announced=10**12), "1000000000000 bytes"),
    "bomb": (respond(gzip.compress(bytes(2_000_000))), "SHA-256"),
    "flood": (flood, r"\d+ bytes"),
    "stall": (stall, "no answer for 0.5 s"),
    "stall in the body": (stall_in_the_body, "2 bytes for 0.5 s"),
    "trickle": (trickle, r"\d+ bytes in 1 s"),
    "trickle the head": (trickle_the_head, "no answer for 0.5 s"),
    "hang up": (hang_up, "Remote end closed connection|RemoteDisconnected|reset"),
}


SLOW = ("stall", "stall in the body", "trickle", "trickle the head")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_mirror_is_listed_and_leaves_nothing(tmp_path: Path, small: Dataset, serve: Serve, name: str) -> None:
    answer, reason = BAD[name]
    mirror = serve(answer)
    folder = tmp_path / "new" / "small"
    # A short timeout for the slow mirrors only; the others must not fail on a busy machine.
    patience = 0.5 if name in SLOW else 20
    began = time.monotonic()
    with pytest.raises(DownloadError, match=rf"{mirror.address}train-images-idx3-ubyte.gz: .*({reason})"):
        fetch(small, folder, [mirror.address], timeout=patience, deadline=2 * patience)
    assert time.monotonic() - began < 10
    assert not list(tmp_path.iterdir())
    assert len(mirror.asked) == 1


@pytest.mark.parametrize("name", ["not found", "web page", "truncated", "stall", "trickle"])
def test_the_next_mirror_is_tried(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer, name: str) -> None:
    bad, good = serve(BAD[name][0]), serve(correct)
    patience = 3 if name in SLOW else 60  # also enough for the good mirror on a busy machine
    fetch(small, tmp_path, [bad.address, good.address], timeout=patience, deadline=1.5 * patience)
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    # A mirror that failed is tried last from then on, so it gets one request.
    assert len(bad.asked) == 1
    assert len(good.asked) == 4


def test_every_mirror_is_listed_with_its_reason_and_the_way_out(tmp_path: Path, small: Dataset, serve: Serve) -> None:
    one, two = serve(BAD["not found"][0]), serve(BAD["web page"][0])
    mirrors = [one.address, "http://127.0.0.1:9/", "http://no-such-host.invalid/", "file:///etc/", two.address]
    with pytest.raises(DownloadError) as caught:
        fetch(small, tmp_path, mirrors, timeout=2)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("small: ")
    assert "train-images-idx3-ubyte.gz" in lines[0]
    assert [line.split("/train")[0].strip() for line in lines[1:6]] == [each.rstrip("/") for each in mirrors]
    assert "HTTP 404" in lines[1]
    assert "refused" in lines[2]
    assert "not an http or https address" in lines[4]
    assert "web page" in lines[5]
    rest = " ".join(lines[6:])
    assert all(name in rest for name in NAMES)
    assert all(word in rest for word in (str(tmp_path), "--data-dir", "DIGITGAN_DATA", "--data mnist"))
    assert not list(tmp_path.iterdir())


def test_no_mirrors_at_all_is_an_error_too(tmp_path: Path, small: Dataset) -> None:
    with pytest.raises(DownloadError, match=r"train-images-idx3-ubyte.gz"):
        fetch(small, tmp_path, [])


def test_all_mirrors_together_get_little_time_for_a_first_answer(
    tmp_path: Path, small: Dataset, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitgan.data.named.download.NO_NETWORK_SECONDS", 0.9)
    mirrors = [serve(stall).address for _ in range(3)]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer for 0.3 s"):
        fetch(small, tmp_path, mirrors)
    assert time.monotonic() - began < 5


def test_a_name_look_up_that_never_ends_is_given_up(tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        end.wait(20)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer for 0.2 s"):
        fetch(small, tmp_path, ["http://example.invalid/"], timeout=0.2)
    assert time.monotonic() - began < 5
    end.set()
    for thread in threading.enumerate():
        if thread.name == "digitgan download":
            thread.join()


def test_files_arrive_whole_and_are_reported(
    tmp_path: Path, small: Dataset, serve: Serve, correct: Answer, contents: dict[str, bytes]
) -> None:
    mirror = serve(correct)
    lines: list[str] = []
    folder = tmp_path / "deep" / "small"
    fetch(small, folder, [mirror.address.rstrip("/")], notify=lines.append)
    assert {path.name: gzip.decompress(path.read_bytes()) for path in folder.iterdir()} == {
        f"{stem}.gz": content for stem, content in contents.items()
    }
    assert len(lines) == 5
    assert all(part in lines[0] for part in ("small: ", str(folder), "made for tests"))
    assert lines[1].startswith(f"train-images-idx3-ubyte.gz: 0.0 MB from {mirror.address}train-images-idx3-ubyte.gz in ")


def test_unpacked_content_is_welcome_too(tmp_path: Path, small: Dataset, serve: Serve, contents: dict[str, bytes]) -> None:
    def answer(handler: Handler) -> None:
        respond(contents[handler.path.strip("/").removesuffix(".gz")])(handler)

    fetch(small, tmp_path, [serve(answer).address])
    assert {path.name for path in tmp_path.iterdir()} == NAMES


def test_a_slow_mirror_reports_as_it_goes(
    tmp_path: Path, small: Dataset, serve: Serve, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitgan.data.progress.SECONDS_BETWEEN_REPORTS", 0.0)

    def answer(handler: Handler) -> None:
        body = gzip.compress(contents[handler.path.strip("/").removesuffix(".gz")])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for place in range(0, len(body), 40):
            handler.wfile.write(body[place : place + 40])
            time.sleep(0.02)

    lines: list[str] = []
    fetch(small, tmp_path, [serve(answer).address], notify=lines.append)
    assert any(line.startswith("train-images-idx3-ubyte.gz: 0.0 MB of 0.0 MB, ") for line in lines)


def test_only_what_is_missing_is_fetched(
    tmp_path: Path, small: Dataset, serve: Serve, correct: Answer, contents: dict[str, bytes]
) -> None:
    mirror = serve(correct)
    (tmp_path / "train-images.idx3-ubyte").write_bytes(contents["train-images-idx3-ubyte"])
    fetch(small, tmp_path, [mirror.address])
    assert sorted(mirror.asked) == sorted(f"/{name}" for name in NAMES - {"train-images-idx3-ubyte.gz"})
    fetch(small, tmp_path, [mirror.address])
    assert len(mirror.asked) == 3


def test_files_that_arrived_stay_when_a_later_one_fails(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer) -> None:
    def answer(handler: Handler) -> None:
        (correct if "train" in handler.path else respond(b"no", 503))(handler)

    folder = tmp_path / "small"
    with pytest.raises(DownloadError, match=r"small: .*t10k-images-idx3-ubyte.gz"):
        fetch(small, folder, [serve(answer).address])
    assert {path.name for path in folder.iterdir()} == {name for name in NAMES if "train" in name}


def test_another_file_under_that_name_is_kept_and_named(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer) -> None:
    mirror = serve(correct)
    mine = tmp_path / "t10k-labels-idx1-ubyte.gz"
    mine.write_bytes(gzip.compress(b"mine"))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz: .*small.*SHA-256.*--data"):
        fetch(small, tmp_path, [mirror.address])
    assert gzip.decompress(mine.read_bytes()) == b"mine"
    assert not mirror.asked


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer) -> None:
    mirror = serve(correct)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/small: .*--data-dir.*DIGITGAN_DATA"):
        fetch(small, tmp_path / "file" / "small", [mirror.address])
    assert not mirror.asked


def test_a_folder_that_cannot_be_written_to_is_named(small: Dataset, serve: Serve, correct: Answer) -> None:
    mirror = serve(correct)
    with pytest.raises(DataError, match=r"/proc: .*--data-dir"):  # read-only even for root
        fetch(small, Path("/proc"), [mirror.address])
    assert not mirror.asked


def test_an_interruption_leaves_nothing(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("train-images"):
            raise KeyboardInterrupt

    mirror = serve(correct)
    folder = tmp_path / "small"
    with pytest.raises(KeyboardInterrupt):
        fetch(replace(small, mirrors=(mirror.address,)), folder, notify=interrupt)
    # The first report follows a complete file. The folder then holds that file only.
    assert [path.name for path in folder.iterdir()] == ["train-images-idx3-ubyte.gz"]


def test_leftovers_of_killed_downloads_are_removed(tmp_path: Path, small: Dataset, serve: Serve, correct: Answer) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    old, new, other = (
        folder / f".{name}.1.part" for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz", "mine")
    )
    for path in (old, new, other):
        path.write_bytes(b"part")
    for path in (old, other):
        os.utime(path, (0, 0))
    fetch(small, folder, [serve(correct).address])
    assert {path.name for path in folder.iterdir()} == {new.name, other.name, *NAMES}


KILLED = """
import sys
from pathlib import Path
from digitgan.data import CifarArchive, Dataset, DatasetFile, fetch

layout = CifarArchive(("train.bin",), ("test.bin",), "names.txt")
dataset = Dataset("large", "made for tests", layout, (DatasetFile("large.tar.gz", 10**6, md5="0" * 32),), (sys.argv[2],))
fetch(dataset, Path(sys.argv[1]), timeout=60)
"""


def test_a_killed_download_leaves_nothing_under_the_name(tmp_path: Path, serve: Serve) -> None:
    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(bytes(500_000))
        stall(handler)

    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "data"), serve(half).address])
    try:
        deadline = time.monotonic() + 60
        while not any(part.stat().st_size > 100_000 for part in (tmp_path / "data").glob(".*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert [path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith(".")] == []


def test_a_file_with_another_hash_than_the_publisher_states_is_refused(tmp_path: Path, serve: Serve) -> None:
    content = archives.tarred(archives.cifar_members())
    for body, reason in (
        (content[:-1] + b"!", r"MD5"),
        (content[:-9], rf"{len(content) - 9} bytes.*MD5"),
        (b"<!DOCTYPE html>", "web page"),
        (b"", "empty"),
    ):
        dataset = archives.cifar(content, serve(respond(body)).address)
        with pytest.raises(DownloadError, match=rf"(?s)cifar10: .*cifar-10-binary\.tar\.gz: .*{reason}.*copy.*--data-dir"):
            fetch(dataset, tmp_path / "cifar10")
        assert not list(tmp_path.iterdir())
