"""Models by name: a shipped one, a file, a run's folder, or a numbered model of a run."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from digitgan.device import choose_device, use_threads
from digitgan.errors import ModelFileError, RunError, UsageError, nearest
from digitgan.model.file import Model, load_model
from digitgan.runs import RunFolder, open_run

DEFAULT_MODEL = "mnist"


def load(model: Path | str = DEFAULT_MODEL, device: str = "cpu") -> Model:
    """A model to draw from.

    Args:
        model: a run's folder, a model file, or the name of a shipped model.
        device: "cpu", "cuda", "mps" or "auto".

    Raises:
        ModelFileError: if there is no such model, or its file is damaged or not ours.
        RunError: if it is a run that has no model yet.
    """
    use_threads()
    return load_model(find_model(str(model))).to(choose_device(device))


def find_model(name: str) -> Path:
    """The model file that a name, a file's path, a run's folder, or one of its models (RUN@51200, RUN@best) stands for.

    Raises:
        ModelFileError: if there is none.
        RunError: if it is a run that has no model yet.
    """
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    folder, at, number = name.rpartition("@")
    if at and not path.exists():
        return _find_snapshot(folder, number)
    if path.is_dir():
        run = RunFolder(path)
        if run.model.is_file():
            return run.model
        if run.record.is_file():
            raise RunError(
                f"{path}: this run has no model yet; let it train to its end, or go on: digitgan train --resume --out {path}"
            )
        raise ModelFileError(
            f"{path}: is a folder, but not a run's; name a run's folder, a model file, or one of: {', '.join(shipped)}"
        )
    if path.is_file():
        return path
    raise ModelFileError(f"no model {name!r}: neither a file nor a folder, nor a shipped model: {nearest(name, shipped)}")


def _find_snapshot(folder: str, number: str) -> Path:
    run = open_run(Path(folder))
    if number == "best":
        if run.best.is_file():
            return run.best
        raise RunError(f"{folder}: has no best model; training with --evaluate-every 20000 keeps one")
    there = run.snapshot_files()
    found = [path for path in there if number.isdecimal() and int(path.stem) == int(number)]
    if found:
        return found[0]
    if not there:
        raise RunError(f"{folder}: has no numbered models; training with --set training.snapshots=10 leaves ten")
    best = ["best"] if run.best.is_file() else []
    wanted = number.rjust(8, "0") if number.isdecimal() else number
    raise UsageError(f"{folder}@{number}: {nearest(wanted, [*best, *(path.stem for path in there)])}")


def shipped_models() -> dict[str, Path]:
    """The models that come with the package, by name."""
    folder = Path(str(importlib.resources.files("digitgan") / "pretrained"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
