"""The pool of processes returns results and exceptions, and notices a killed process at any moment."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import pytest

from digitgan.process_pool import LostProcessError, ProcessPool


def killed_while_it_sends(size: int) -> bytes:
    def half_a_message(self: Connection, message: memoryview, write: object = None) -> NoReturn:
        os.write(self.fileno(), bytes(message[: len(message) // 2]))
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    Connection._send = half_a_message  # type: ignore[attr-defined]
    return bytes(size)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def unpicklable() -> NoReturn:
    class LocalError(Exception):
        pass

    raise LocalError("told")


def lock() -> object:
    return threading.Lock()


def test_calls_return_their_results_in_processes_of_their_own() -> None:
    with ProcessPool(2) as pool:
        numbers = [pool.submit(divmod, 7, number) for number in (1, 2, 3)]
        process = pool.submit(os.getpid)
        assert [number.result() for number in numbers] == [(7, 0), (3, 1), (2, 1)]
        assert process.result() != os.getpid()


def test_the_exception_of_a_call_is_raised_and_the_process_goes_on() -> None:
    with ProcessPool(1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()
        with pytest.raises(RuntimeError, match="LocalError: told"):
            pool.submit(unpicklable).result()
        with pytest.raises(RuntimeError, match="pickle"):
            pool.submit(lock).result()
        assert pool.submit(len, "abc").result() == 3


@pytest.mark.parametrize("size", [10, 100_000], ids=["in the length", "in the content"])
def test_a_process_killed_in_the_middle_of_a_result_is_noticed(size: int) -> None:
    with ProcessPool(2) as pool:
        lost = pool.submit(killed_while_it_sends, size)
        with pytest.raises(LostProcessError):
            lost.result()
        # The other process still answers.
        assert 3 in {call.result() for call in (pool.submit(len, "abc") for _ in range(2)) if call.exception() is None}


def test_calls_of_a_killed_process_fail() -> None:
    with ProcessPool(1) as pool:
        first, second = pool.submit(killed), pool.submit(len, "abc")
        for call in (first, second):
            with pytest.raises(LostProcessError):
                call.result()


def test_begun_calls_are_completed_and_others_cancelled(tmp_path: Path) -> None:
    with ProcessPool(1) as pool:
        first, *others = (pool.submit((tmp_path / str(number)).touch) for number in range(100))
        first.result()
    finished = [call for call in others if not call.cancelled()]
    assert {path.name for path in tmp_path.iterdir()} == {"0", *(str(1 + others.index(call)) for call in finished)}
    assert all(call.done() for call in others)
