"""Trainings with injected faults, in processes forked from one that has loaded PyTorch, so that a start is fast.

    python -m tests.faults.victims NUMBER CALLBACK EVENT IMAGES RECIPE ARGUMENT ...

runs `digitgan ARGUMENT ...` with `Signals(NUMBER, CALLBACK, EVENT, IMAGES, RECIPE)` in a new Python process.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.processes import PRELOADED

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([*PRELOADED, __name__])


def training(out: Path, *options: str, prepare: Callable[[], None] | None = None) -> BaseProcess:
    """Start `digitgan train` in a process.

    Args:
        out: the folder of the run.
        options: further options.
        prepare: a picklable function that the process calls first.
    """
    process = _CONTEXT.Process(target=_train, args=(out, options, prepare), daemon=True)
    process.start()
    return process


def _train(out: Path, options: tuple[str, ...], prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if a shell started the tests with `&`
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["COLUMNS"] = "1000"
    complaint = _complaint(out).open("w", encoding="utf-8")
    os.dup2(complaint.fileno(), 2)
    sys.stderr = complaint
    from digitgan import cli

    if prepare is not None:
        prepare()
    cli.main(["train", "--out", str(out), "--quiet", *options])


def complaint_of(out: Path) -> str:
    """Return the standard error of the latest training in a folder."""
    return _complaint(out).read_text(encoding="utf-8")


def _complaint(out: Path) -> Path:
    """Return the path of the standard error, outside the folder that holds the run, which may be a full disk."""
    return out.parent.with_name(f"{out.parent.name}-{out.name}.stderr")


class DiesInSave:
    """A function that makes its process kill itself with SIGKILL during the writing of a checkpoint.

    Args:
        seed: the seed of the write operation at which the process dies, and of the length of the incomplete file.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self) -> None:
        from digitgan.training import checkpoint

        chance = random.Random(self.seed)
        left = [chance.randrange(1, 24)]
        write = checkpoint._write_through

        def dying(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    if function is write:
                        path, content = arguments
                        path.write_bytes(content[: chance.randrange(len(content))])
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)

            return call

        for name in ("_write_through", "_sync_folder"):
            setattr(checkpoint, name, dying(getattr(checkpoint, name)))
        checkpoint.shutil.rmtree = dying(shutil.rmtree)  # type: ignore[attr-defined]


class Signals:
    """A function that makes its process send itself a signal when a callback receives the first event of a class.

    A signal from the test's own process may come too late.

    Args:
        number: the number of the signal.
        callback: the name of the callback's class in `digitgan.session.callbacks`.
        event: the name of the event's class in `digitgan.training`.
        images_seen: the least number of images seen of the event.
        recipe: the name of the recipe of the training; "" for any.
    """

    def __init__(self, number: int, callback: str, event: str, images_seen: int = 0, recipe: str = "") -> None:
        self.number, self.callback, self.event, self.images_seen, self.recipe = number, callback, event, images_seen, recipe

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs `digitgan ARGUMENTS` with this signal. Run it in the folder that holds `tests`."""
        own = (self.number, self.callback, self.event, self.images_seen, self.recipe)
        return [
            sys.executable,
            "-m",
            __name__,
            *(str(int(each)) if isinstance(each, int) else each for each in own),
            *arguments,
        ]

    def __call__(self) -> None:
        from digitgan import training
        from digitgan.session import callbacks

        watching, kind = getattr(callbacks, self.callback), getattr(training, self.event)
        see = watching.on_event
        sent = []

        def is_time(event: Any) -> bool:
            seen = event.report.images_seen if self.event == "Stepped" else event.trainer.images_seen
            return seen >= self.images_seen and (not self.recipe or event.trainer.recipe.name == self.recipe)

        def seeing(self_: Any, event: Any) -> None:
            if isinstance(event, kind) and not sent and is_time(event):
                sent.append(event)
                os.kill(os.getpid(), self.number)
            see(self_, event)

        watching.on_event = seeing


def main() -> None:
    number, callback, event, images_seen, recipe, *arguments = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if a shell started the tests with `&`
    Signals(int(number), callback, event, int(images_seen), recipe)()
    from digitgan import cli

    cli.main(arguments)


if __name__ == "__main__":
    main()
