"""A cache of models by name: the shipped models and those of the runs in one folder."""

from __future__ import annotations

import contextlib
import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, final

from digitgan.device import choose_device
from digitgan.errors import DigitganError, nearest
from digitgan.model.file import Model, load_model, read_spec
from digitgan.model.registry import find_model, shipped_models
from digitgan.runs import RunFolder
from digitgan.studio.errors import NotThereError

MAX_LOADED: Final = 4
"""Largest number of models in memory. A shipped model takes 2 MB, a model of a faithful recipe 10 MB."""

RUN_NAME: Final = re.compile(r"[^./\\@\x00-\x1f\x7f][^/\\@\x00-\x1f\x7f]{0,99}")
"""Pattern of valid run names: folder names without a dot at the start, and without "@", which names a snapshot. It excludes
every path that leaves the folder of runs."""


@final
class ModelCache:
    """A lookup of runs and models that keeps the most recently used models in memory.

    Args:
        runs: folder that contains the runs. It may not exist yet.
        device: device on which models generate images.
    """

    def __init__(self, runs: Path, device: str = "cpu") -> None:
        self.runs = runs
        self.device = device
        self._loaded: OrderedDict[tuple[Path, int, int], Model] = OrderedDict()
        self._lock = threading.Lock()
        self._shipped = shipped_models()

    def run(self, name: str) -> RunFolder:
        """Return the run of a name.

        Raises:
            NotThereError: if there is no such run, or if the name or a symbolic link leads out of the folder of runs.
        """
        if not self._is_run(name):
            raise NotThereError(f"run {name!r}: not found; {nearest(name, [run.path.name for run in self.all_runs()])}")
        return RunFolder(self.runs / name)

    def all_runs(self) -> list[RunFolder]:
        """Return the runs, the newest first."""
        if not self.runs.is_dir():
            return []
        found = [RunFolder(path) for path in self.runs.iterdir() if self._is_run(path.name)]
        return sorted(found, key=_last_start, reverse=True)

    def names(self) -> list[str]:
        """Return the names of the shipped models, then of the runs that have a model."""
        runs = [run.path.name for run in self.all_runs() if run.model.is_file()]
        return [*self._shipped, *(name for name in runs if name not in self._shipped)]

    def model(self, name: str) -> Model:
        """Load a shipped model, the model of a run, or one of its snapshots (RUN@51200, RUN@best).

        Raises:
            NotThereError: if there is no such model.
            ModelFileError: if the model file is damaged.
        """
        return self._load(self.path(name))

    def path(self, name: str) -> Path:
        """Return the file of a model; see `model`.

        Raises:
            NotThereError: if there is no such model.
        """
        if name in self._shipped:
            return self._shipped[name]
        run, at, number = name.partition("@")
        if not self._is_run(run):
            raise NotThereError(f"model {name!r}: not found; {nearest(run, self.names())}")
        try:
            return find_model(f"{self.runs / run}{at}{number}")
        except DigitganError as problem:
            raise NotThereError(str(problem)) from problem

    def channels(self, name: str) -> int | None:
        """Return the number of channels of a model's images, 1 or 3; None if its file is damaged or was removed."""
        with contextlib.suppress(NotThereError):
            spec = read_spec(self.path(name))
            return None if spec is None else spec.channels
        return None

    def cached(self, name: str) -> Model | None:
        """Return a shipped model if it is already loaded, else None. The call never waits for a file or a lock."""
        path = self._shipped.get(name)
        return None if path is None else next((model for key, model in self._loaded.copy().items() if key[0] == path), None)

    def data_record(self, name: str) -> Any:
        """Return the entry `data` of the record of a model's run; None for a shipped model.

        Raises:
            NotThereError: if there is no such run.
            RunError: if its record is damaged.
        """
        return None if name in self._shipped else self.run(name.partition("@")[0]).read_record().get("data")

    def describe(self, name: str) -> dict[str, Any]:
        """Return the properties of a model as JSON values: class names, image shape and origin."""
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


def _last_start(run: RunFolder) -> float:
    """Return the time at which a run was last started or resumed: the recipe file is written at each start."""
    files = (run.recipe, run.record)
    return max((path.stat().st_mtime for path in files if path.is_file()), default=0.0)
