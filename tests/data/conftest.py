from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from archives import idx_bytes
from serving import Answer, Handler, Mirror, Serve, Server

from digitgan.data import Dataset, DatasetFile, IdxFiles, ImageSet


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a local mirror with a given answer."""
    running: list[tuple[Server, threading.Thread, Mirror]] = []

    def start(answer: Answer) -> Mirror:
        mirror = Mirror(answer)
        server = Server(("127.0.0.1", 0), Handler)
        server.mirror = mirror  # type: ignore[attr-defined]
        mirror.address = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread, mirror))
        return mirror

    yield start
    for server, thread, mirror in running:
        mirror.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def contents() -> dict[str, bytes]:
    """Return the unpacked files of a small data set in MNIST's layout: 12 and 5 images of 4×3, three classes."""
    generator = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 12), ("t10k", 5)):
        arrays[f"{part}-images-idx3-ubyte"] = generator.integers(0, 256, (count, 4, 3), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = (np.arange(count) % 3).astype(np.uint8)
    return {stem: idx_bytes(array) for stem, array in arrays.items()}


@pytest.fixture(scope="session")
def small(contents: dict[str, bytes]) -> Dataset:
    """Return the small data set as an entry of the table of data sets."""
    files = tuple(
        DatasetFile(f"{stem}.gz", len(content), hashlib.sha256(content).hexdigest()) for stem, content in contents.items()
    )
    return Dataset("small", "made for tests", IdxFiles(("zero", "one", "two")), files)


@pytest.fixture
def correct(contents: dict[str, bytes]) -> Answer:
    """Return an answer with the correct files, gzipped."""

    def answer(handler: Handler) -> None:
        body = gzip.compress(contents[handler.path.strip("/").removesuffix(".gz")])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def grey() -> ImageSet:
    """Return ten images of 5×4; the pixels of image i have the value i."""
    images = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 5, 4), dtype=np.uint8)
    return ImageSet(images, np.arange(10) % 3, ("a", "b", "c"), "ten")
