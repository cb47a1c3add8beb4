"""The control of a training is safe to use in a signal handler."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

from digitgan.training import Control

SECONDS = 60.0
"""Time after which the call counts as blocked; otherwise it takes microseconds."""


def test_a_signal_within_the_handler_of_another_does_not_block() -> None:
    control = Control()

    def interrupted(_frame: FrameType, _event: str, _value: object) -> Any:
        control.stop()  # what the handler of the second signal calls
        return interrupted

    def interrupt_at_every_line() -> None:
        sys.settrace(interrupted)
        control.stop()

    thread = threading.Thread(target=interrupt_at_every_line, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert control.stop_requested
