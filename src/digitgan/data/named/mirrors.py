"""Download of one file from one mirror, which may be unreachable, slow, broken or malicious.

The timeout of a socket is not enough: it excludes the name look-up, and it restarts for each address of a name and for each
byte received. A thread therefore does the transfer, and the caller waits for it with its own timeout.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

PIECE = 1 << 16

PIECES_AHEAD = 16
"""Number of received pieces that the thread holds before the caller takes one: 1 MiB."""

SECONDS_BETWEEN_LOOKS = 0.1
"""Interval at which a thread with a full queue checks whether the caller still waits."""


SOCKET_PATIENCE = 2
"""Factor of the socket's timeout, so that the caller gives up before the socket and gives its own reason."""


class MirrorError(Exception):
    """A failed download from one mirror, with the reason. The next mirror is tried."""


def pieces_from(
    address: str, first_timeout: float, timeout: float, deadline: float, most: int
) -> Iterator[tuple[bytes, int | None]]:
    """Download the body of a web address and yield its pieces as they arrive.

    Args:
        address: an http or https address.
        first_timeout: seconds until the server must begin to answer, including the name look-up.
        timeout: seconds between two pieces at most.
        deadline: seconds for the whole body at most.
        most: bytes of the body at most.

    Yields:
        Each piece, with the number of bytes that the server announced for the whole body, or None.

    Raises:
        MirrorError: if the server is unreachable, answers with an error, is too slow, or sends too much or too little.
    """
    if not address.startswith(("http://", "https://")):
        raise MirrorError("not an http or https address")
    items: queue.Queue[_Item] = queue.Queue(PIECES_AHEAD)
    unwanted = threading.Event()
    threading.Thread(target=_talk, args=(address, timeout, items, unwanted), name="digitgan download", daemon=True).start()
    ends = time.monotonic() + deadline
    announced: int | None = None
    received = 0
    patience = first_timeout
    try:
        while True:
            item = _next_item(items, patience, ends, deadline, received)
            patience = timeout
            if isinstance(item, MirrorError):
                raise item
            if isinstance(item, _Announced):
                announced = item.size
                if announced is not None and announced > most:
                    raise MirrorError(f"announced {announced} bytes; the file has at most {most}")
                continue
            if not item:
                break
            received += len(item)
            if received > most:
                raise MirrorError(f"sent more than {most} bytes, the maximum for the file")
            yield item, announced
    finally:
        unwanted.set()
    if announced is not None and received < announced:
        raise MirrorError(f"ended after {received} of {announced} bytes")


class _Announced:
    """The announced size of a body in bytes, or None."""

    def __init__(self, size: int | None) -> None:
        self.size = size


_Item = _Announced | bytes | MirrorError
"""An item of the thread's queue: first the announced size, then pieces, then empty bytes at the end or an error."""


def _next_item(items: queue.Queue[_Item], patience: float, ends: float, deadline: float, received: int) -> _Item:
    left = ends - time.monotonic()
    late = f"too slow: {received} bytes in {deadline:g} s"
    if left <= 0:
        raise MirrorError(late)
    try:
        return items.get(timeout=min(patience, left))
    except queue.Empty:
        if left <= patience:
            raise MirrorError(late) from None
        heard = f"no data after {received} bytes" if received else "no answer"
        raise MirrorError(f"{heard} for {patience:g} s") from None


def _talk(address: str, timeout: float, items: queue.Queue[_Item], unwanted: threading.Event) -> None:
    """Download an address into the queue `items` until the end or until `unwanted` is set. Runs in a thread."""
    try:
        with urlopen(Request(address, headers={"User-Agent": "digitgan"}), timeout=SOCKET_PATIENCE * timeout) as answer:
            size = answer.headers.get("Content-Length", "")
            _put(_Announced(int(size) if size.isdecimal() else None), items, unwanted)
            while not unwanted.is_set() and (piece := answer.read1(PIECE)):
                _put(piece, items, unwanted)
        _put(b"", items, unwanted)
    except HTTPError as error:
        error.close()
        _put(MirrorError(f"HTTP {error.code} {error.reason}"), items, unwanted)
    except URLError as error:
        _put(MirrorError(getattr(error.reason, "strerror", None) or str(error.reason)), items, unwanted)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: for example an invalid port
        _put(MirrorError(f"{type(error).__name__}: {error}"), items, unwanted)


def _put(item: _Item, items: queue.Queue[_Item], unwanted: threading.Event) -> None:
    while not unwanted.is_set():
        try:
            items.put(item, timeout=SECONDS_BETWEEN_LOOKS)
            return
        except queue.Full:
            continue
