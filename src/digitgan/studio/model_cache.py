"""Models by the names that a request may give: shipped ones, and those of the runs in one folder."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, final

from digitgan.device import choose_device
from digitgan.errors import DigitganError, nearest
from digitgan.model.file import Model, load_model
from digitgan.model.registry import find_model, shipped_models
from digitgan.runs import RunFolder
from digitgan.studio.errors import NotThereError

MAX_LOADED: Final = 4
"""Models kept in memory, the last used ones: a shipped one takes two megabytes, one of a faithful recipe ten."""

RUN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a run's folder may be called here: nothing that leads out of the folder of runs."""


@final
class ModelCache:
    """Finds runs and models, and keeps the models that were used last.

    Args:
        runs: the folder in which the runs lie; it need not exist yet.
        device: where models draw.
    """

    def __init__(self, runs: Path, device: str = "cpu") -> None:
        self.runs = runs
        self.device = device
        self._loaded: OrderedDict[tuple[Path, int, int], Model] = OrderedDict()
        self._lock = threading.Lock()
        self._shipped = shipped_models()

    def run(self, name: str) -> RunFolder:
        """The run of that name.

        Raises:
            NotThereError: if there is none, or the name leads out of the folder of runs, a link included.
        """
        if not self._is_run(name):
            raise NotThereError(f"no run {name!r}: {nearest(name, [run.path.name for run in self.all_runs()])}")
        return RunFolder(self.runs / name)

    def all_runs(self) -> list[RunFolder]:
        """The runs there are, the newest first."""
        if not self.runs.is_dir():
            return []
        found = [RunFolder(path) for path in self.runs.iterdir() if self._is_run(path.name)]
        return sorted(found, key=_born, reverse=True)

    def names(self) -> list[str]:
        """The models there are: shipped ones first, then the runs that have one."""
        runs = [run.path.name for run in self.all_runs() if run.model.is_file()]
        return [*self._shipped, *(name for name in runs if name not in self._shipped)]

    def model(self, name: str) -> Model:
        """A shipped model, a run's, or one of its numbered ones (RUN@51200, RUN@best).

        Raises:
            NotThereError: if there is none.
            ModelFileError: if its file is damaged.
        """
        if name in self._shipped:
            return self._load(self._shipped[name])
        run, at, number = name.partition("@")
        if not self._is_run(run):
            raise NotThereError(f"no model {name!r}: {nearest(run, self.names())}")
        try:
            path = find_model(f"{self.runs / run}{at}{number}")
        except DigitganError as problem:
            raise NotThereError(str(problem)) from problem
        return self._load(path)

    def at_hand(self, name: str) -> Model | None:
        """A shipped model that is loaded already: found without waiting for a disk or another thread."""
        path = self._shipped.get(name)
        return None if path is None else next((model for key, model in self._loaded.copy().items() if key[0] == path), None)

    def describe(self, name: str) -> dict[str, Any]:
        """What a page must know of a model: its classes, the form of its images, and where it comes from."""
        model = self.model(name)
        spec = model.generator.spec
        return {
            "name": name,
            "class_names": list(model.class_names),
            "conditional": model.recipe.conditional,
            "latent": model.generator.latent,
            "height": spec.height,
            "width": spec.width,
            "channels": spec.channels,
            "recipe": model.recipe.name,
            "images_seen": model.card.get("images_seen"),
            "data": model.card.get("data", {}).get("name") if isinstance(model.card.get("data"), dict) else None,
        }

    def _is_run(self, name: str) -> bool:
        path = self.runs / name
        return bool(RUN_NAME.fullmatch(name)) and not path.is_symlink() and RunFolder(path).record.is_file()

    def _load(self, path: Path) -> Model:
        there = path.stat()
        key = (path, there.st_mtime_ns, there.st_size)
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load_model(path).to(choose_device(self.device))
            self._loaded.move_to_end(key)
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[key]


def _born(run: RunFolder) -> float:
    """When a run was begun: its recipe is written once, at the beginning of each sitting."""
    files = (run.recipe, run.record)
    return max((path.stat().st_mtime for path in files if path.is_file()), default=0.0)
