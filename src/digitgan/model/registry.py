"""The lookup of models: a shipped model, a model file, a run folder, or a snapshot of a run."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from digitgan.device import choose_device, use_threads
from digitgan.errors import ModelFileError, RunError, UsageError, nearest
from digitgan.model.file import Model, load_model
from digitgan.networks import Discriminator, build_discriminator
from digitgan.runs import RunFolder, open_run
from digitgan.training.checkpoint import newest_discriminator

DEFAULT_MODEL = "mnist"

MODEL_ENDING = ".safetensors"


def load(model: Path | str = DEFAULT_MODEL, device: str = "cpu") -> Model:
    """Load a model.

    Args:
        model: a run folder, a model file, or the name of a shipped model.
        device: "cpu", "cuda", "mps" or "auto".

    Raises:
        ModelFileError: if the model does not exist, or its file is damaged or not written by digitgan.
        RunError: if the run has no model yet.
    """
    use_threads()
    return load_model(find_model(str(model))).to(choose_device(device))


def load_discriminator(name: str, model: Model, option: str) -> Discriminator:
    """Load the discriminator of a run's newest checkpoint, in evaluation mode, on the device of the model.

    Args:
        name: the folder of the run.
        model: the model of that run.
        option: the option that needs it, for error messages.

    Raises:
        UsageError: if the name is not the folder of a run.
        RunError: if the run has no complete checkpoint.
    """
    run = RunFolder(Path(name))
    if not run.record.is_file():
        raise UsageError(f"{option}: {name} holds a generator only; name the folder of a run, whose checkpoint holds both")
    discriminator = build_discriminator(model.recipe, model.generator.spec)
    newest_discriminator(run.checkpoints, discriminator)
    return discriminator.eval().to(next(model.generator.parameters()).device)


def names_model(name: str) -> bool:
    """Return whether a name is that of a shipped model, a run folder, a model of a run, or a file with the ending of models.

    Other paths may be image sets, which `digitgan evaluate` takes too.
    """
    path = Path(name)
    if name in shipped_models() or not path.exists():
        return True
    return path.suffix == MODEL_ENDING or RunFolder(path).record.is_file() or RunFolder(path).model.is_file()


def find_model(name: str) -> Path:
    """Return the path of a model file.

    Args:
        name: the name of a shipped model, a model file, a run folder, or a model of a run (RUN@51200, RUN@best).

    Raises:
        ModelFileError: if the model does not exist.
        RunError: if the run has no model yet, or no best model or snapshots.
        UsageError: if the run has no snapshot of this number.
    """
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    if not name:  # as a path, it would be the current folder
        raise ModelFileError(f"model '': is empty; name a run folder, a model file, or one of: {', '.join(shipped)}")
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
                f"{path}: this run has no model yet; wait for its end, or resume it with `digitgan train --resume --out {path}`"
            )
        raise ModelFileError(
            f"{path}: this folder is not a run; name a run folder, a model file, or one of: {', '.join(shipped)}"
        )
    if path.is_file():
        return path
    raise ModelFileError(f"no model {name!r}: not a file, a folder or a shipped model; {nearest(name, shipped)}")


def _find_snapshot(folder: str, number: str) -> Path:
    run = open_run(Path(folder))
    if number == "best":
        if run.best.is_file():
            return run.best
        raise RunError(f"{folder}: has no best model; train with --evaluate-every 20000 to keep one")
    there = run.snapshot_files()
    found = [path for path in there if number.isdecimal() and int(path.stem) == int(number)]
    if found:
        return found[0]
    if not there and not number.isdecimal() and run.best.is_file():
        raise UsageError(f"{folder}@{number}: no such snapshot; {nearest(number, ['best'])}")
    if not there:
        raise RunError(f"{folder}: has no snapshots; train with --set training.snapshots=10 to keep ten")
    known = [*(["best"] if run.best.is_file() else []), *(str(int(path.stem)) for path in there)]
    if not number.isdecimal():
        raise UsageError(f"{folder}@{number}: no such snapshot; {nearest(number, known)}")
    closest = min((int(path.stem) for path in there), key=lambda each: abs(each - int(number)))
    raise UsageError(f"{folder}@{number}: no such snapshot; did you mean {folder}@{closest}? (known: {', '.join(known)})")


def shipped_models() -> dict[str, Path]:
    """Return the paths of the models that are part of the package, by name."""
    folder = Path(str(importlib.resources.files("digitgan") / "pretrained"))
    paths = sorted(folder.glob(f"*{MODEL_ENDING}"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))
    return {path.stem: path for path in paths}
