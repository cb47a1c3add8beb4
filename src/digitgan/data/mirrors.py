"""One file from one mirror, from a server that may be absent, slow, broken or lying.

The socket's own timeout isn't enough: it doesn't cover the look-up of the name, it starts anew for each address a name
has and for each byte that trickles in. So a thread does the talking, and whoever wants the file waits for it no longer
than it cares to.
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
"""A megabyte: what the thread may hold in memory before what it brought is taken."""

SECONDS_BETWEEN_LOOKS = 0.1
"""How often a thread with nowhere to put what it has looks whether it is still wanted."""


SOCKET_PATIENCE = 2
"""Times the timeout: who waits gives up before the socket does, and says why in its own words."""


class MirrorError(Exception):
    """Why a mirror did not deliver, in a few words; the next one is tried."""


def pieces_from(
    address: str, first_timeout: float, timeout: float, deadline: float, most: int
) -> Iterator[tuple[bytes, int | None]]:
    """The body of what a web address answers, piece by piece as it comes.

    Args:
        address: http or https.
        first_timeout: seconds until the server must have begun to answer, from the look-up of its name on.
        timeout: seconds that may pass between two pieces.
        deadline: seconds in which everything must have come.
        most: bytes that the body may have.

    Yields:
        pieces with the number of bytes the server announced for the whole body, None where it did not.

    Raises:
        MirrorError: if the server can't be reached, answers with an error, is too slow, or sends too much or too
        little.
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
                    raise MirrorError(f"announces {announced} bytes, the file has at most {most}")
                continue
            if not item:
                break
            received += len(item)
            if received > most:
                raise MirrorError(f"sent more than {most} bytes, the most the file can have")
            yield item, announced
    finally:
        unwanted.set()
    if announced is not None and received < announced:
        raise MirrorError(f"broke off after {received} of {announced} bytes")


class _Announced:
    """The head of an answer: how many bytes will follow, if it says."""

    def __init__(self, size: int | None) -> None:
        self.size = size


_Item = _Announced | bytes | MirrorError
"""What the thread brings: the head first, then pieces; empty bytes at the end, or why it came to none."""


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
        heard = f"sent nothing more after {received} bytes" if received else "gave no answer"
        raise MirrorError(f"{heard} for {patience:g} s") from None


def _talk(address: str, timeout: float, items: queue.Queue[_Item], unwanted: threading.Event) -> None:
    """The thread: fetch the address, put what comes into `items`, and leave as soon as it is unwanted."""
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
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an address with a port that is none, say
        _put(MirrorError(f"{type(error).__name__}: {error}"), items, unwanted)


def _put(item: _Item, items: queue.Queue[_Item], unwanted: threading.Event) -> None:
    while not unwanted.is_set():
        try:
            items.put(item, timeout=SECONDS_BETWEEN_LOOKS)
            return
        except queue.Full:
            continue
