"""Large sets: a folder of files of bounded size with a manifest, drawn by any number of processes, resumed after a kill.

While a set is being drawn, `.drawing/` holds what is asked for and a record of each finished file. The manifest, which says
what the set is, comes last, and `.drawing/` goes with it. What decides the bytes of a set is in its `SetPlan` and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from digitgan.errors import OutputError, UsageError, why_not_written
from digitgan.files import FOLDER_MARK, mark, replacing, whole_folder
from digitgan.generation.filtering import Block
from digitgan.generation.set_plan import SetFolder, SetPlan
from digitgan.generation.writers import find_writer, picture_places
from digitgan.images import Picture
from digitgan.model.batching import spans


def begin(plan: SetPlan, folder: SetFolder, *, resume: bool) -> None:
    """Make a set's folder ready to be drawn into.

    Args:
        plan: what is asked for.
        folder: free, or with `resume` one in which just that was begun, or finished.
        resume: go on with what is there.

    Raises:
        OutputError: if there is no room, or the folder can't be written to.
        UsageError: with `resume`, if something else was begun there, or nothing.
    """
    if resume:
        if folder.manifest.is_file():
            _reopen(plan, folder)
        _check_same(plan, folder)
        _sweep(folder)
        return
    parent = next(parent for parent in [folder.path, *folder.path.absolute().parents] if parent.exists())
    free = shutil.disk_usage(parent).free
    if plan.bytes_needed > free:
        raise OutputError(
            f"{folder.path}: {plan.labelling.count:,} images as {plan.format} need about {_size(plan.bytes_needed)}, and "
            f"{_size(free)} are free there; draw fewer, or choose another --out"
        )
    try:
        folder.drawing.mkdir(parents=True)
        mark(folder.path)
    except OSError as problem:
        raise OutputError(f"{folder.path}: cannot be written ({why_not_written(problem, folder.path)})") from problem
    with replacing(folder.plan) as file:
        file.write(_text(plan.values()))


def unfinished(plan: SetPlan, folder: SetFolder, among: Iterable[int] | None = None) -> list[int]:
    """The files, of all or of some, that are still to be drawn; one that isn't as its record says is among them."""
    return [shard for shard in (range(plan.shards) if among is None else among) if not _whole(plan, folder, shard)]


def write_shard(plan: SetPlan, folder: SetFolder, shard: int, draw: Callable[[Iterator[range]], Iterator[Block]]) -> None:
    """Draw one file of a set, write it, and record that it is finished.

    Args:
        plan: of the set.
        folder: of the set.
        shard: which file.
        draw: what draws spans of images, a block each, in their order.

    Raises:
        OutputError: if it can't be written; what was finished before stays.
    """
    span = plan.span(shard)
    labels = plan.labelling.of(span)
    attempts = np.zeros(len(plan.class_names), dtype=np.int64)

    def images() -> Iterator[Picture]:
        for block in draw(spans(span.start, len(span))):
            np.add.at(attempts, block.labels, block.attempts)
            yield block.images

    name = f"{shard:05d}-of-{plan.shards:05d}"
    try:
        if plan.format == "folder":
            files = _write_pictures(plan, folder, span, images())
        else:
            path = (
                folder.path / {"npz": f"images-{name}.npz", "idx": name, "parquet": f"data/train-{name}.parquet"}[plan.format]
            )
            find_writer(plan.format)(path, images(), labels, plan.class_names)
            written = sorted(path.iterdir()) if path.is_dir() else [path]
            files = {str(file.relative_to(folder.path)): _file_facts(file) for file in written if file.name != FOLDER_MARK}
        record = {
            "first": span.start,
            "images": len(span),
            "counts": np.bincount(labels, minlength=len(plan.class_names)).tolist(),
            "tries": attempts.tolist(),
            "files": files,
        }
        with replacing(folder.record(shard)) as file:
            file.write(_text(record))
    except OutputError as problem:
        left = plan.bytes_needed * (plan.labelling.count - span.start) // plan.labelling.count
        free = shutil.disk_usage(folder.path).free if folder.path.exists() else 0
        raise OutputError(
            f"{problem}. From here on the set needs about {_size(left)}, and {_size(free)} are free; its finished files are "
            "whole: make room and go on with --resume"
        ) from problem


def manifest_of(plan: SetPlan, folder: SetFolder) -> dict[str, Any]:
    """What the manifest of a set says whose files are all there."""
    records = [json.loads(folder.record(shard).read_text(encoding="utf-8")) for shard in range(plan.shards)]
    attempts = np.sum([record["tries"] for record in records], axis=0)
    counts = np.sum([record["counts"] for record in records], axis=0)
    values = plan.values()
    return {
        "images": plan.labelling.count,
        "shape": values["shape"],
        "class_names": values["class_names"],
        "counts": dict(zip(plan.class_names, counts.tolist(), strict=True)),
        "format": plan.format,
        "model": {"name": plan.model, "sha256": plan.model_sha256},
        "seed": plan.seed,
        "truncation": plan.truncation,
        "filter": None
        if plan.classifier is None
        else {
            "min_confidence": plan.min_confidence,
            "unique": plan.unique,
            "data": plan.classifier,
            "classifier_sha256": plan.classifier_sha256,
            "accepted": {
                name: round(count / tried, 6) if tried else None
                for name, count, tried in zip(plan.class_names, counts.tolist(), attempts.tolist(), strict=True)
            },
        },
        "command": plan.command(),
        "version": plan.version,
        "files": [{key: record[key] for key in ("first", "images", "files", "tries")} for record in records],
    }


def finish(folder: SetFolder, manifest: dict[str, Any], card: str | None) -> None:
    """Write a set's manifest, and its card if it has one: the set is whole."""
    if card is not None:
        with replacing(folder.card) as file:
            file.write(card.encode())
    with replacing(folder.manifest) as file:
        file.write(_text(manifest))
    shutil.rmtree(folder.drawing)


def _reopen(plan: SetPlan, folder: SetFolder) -> None:
    """Make of a finished set one that is being drawn, so that its files are looked at, and drawn where they aren't whole."""
    try:
        manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
        drawn_by = {"command": manifest["command"], "model": manifest["model"]["sha256"], "version": manifest["version"]}
        parts = [{key: part[key] for key in ("first", "images", "files", "tries")} for part in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(
            f"{folder.manifest}: damaged, or of an older version ({problem}); draw the set anew with --overwrite"
        ) from problem
    asked = {"command": plan.command(), "model": plan.model_sha256, "version": plan.version}
    if others := [f"{key}: {drawn_by[key]} -> {value}" for key, value in asked.items() if drawn_by[key] != value]:
        listed = "\n  ".join(others)
        raise UsageError(f"{folder.path}: another set is there, and whole; going on would mix two:\n  {listed}")
    folder.drawing.mkdir(exist_ok=True)
    for shard, part in enumerate(parts):
        labels = plan.labelling.of(plan.span(shard))
        counts = np.bincount(labels, minlength=len(plan.class_names)).tolist()
        with replacing(folder.record(shard)) as file:
            file.write(_text({**part, "counts": counts}))
    with replacing(folder.plan) as file:
        file.write(_text(plan.values()))
    folder.manifest.unlink()


def _check_same(plan: SetPlan, folder: SetFolder) -> None:
    try:
        before = json.loads(folder.plan.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageError(f"{folder.path}: no set was begun there; leave --resume out") from problem
    now = plan.values()
    others = [f"{key}: {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
    if others:
        listed = "\n  ".join(others)
        raise UsageError(f"{folder.path}: another set was begun there; going on would mix two:\n  {listed}")


def _sweep(folder: SetFolder) -> None:
    """Remove what a kill left of files that were being written."""
    for leftover in list(folder.path.rglob(".*.part")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _whole(plan: SetPlan, folder: SetFolder, shard: int) -> bool:
    try:
        files = json.loads(folder.record(shard).read_text(encoding="utf-8"))["files"]
        if plan.format == "folder":
            return bool(files == _pictures_facts(plan, folder, plan.span(shard)))
        return all(_file_facts(folder.path / name) == facts for name, facts in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write_pictures(plan: SetPlan, folder: SetFolder, span: range, images: Iterator[Picture]) -> dict[str, Any]:
    """Pictures of a span, in the folders of their classes, which all files of the set share."""
    places = picture_places(plan.labelling.of(span), plan.class_names, span.start)
    part = folder.drawing / f"pictures-{span.start}"
    with whole_folder(part) as fresh:
        for place, image in zip(places, (image for block in images for image in block), strict=True):
            (fresh / place).parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(fresh / place)
    root = folder.path / "images"
    try:
        for place in places:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (part / place).replace(root / place)
        shutil.rmtree(part)
    except OSError as problem:
        raise OutputError(f"{root}: cannot be written ({why_not_written(problem, root)})") from problem
    return _pictures_facts(plan, folder, span)


def _pictures_facts(plan: SetPlan, folder: SetFolder, span: range) -> dict[str, Any]:
    """Of many pictures one hash, over their bytes in the order of their indices."""
    digest = hashlib.sha256()
    for place in picture_places(plan.labelling.of(span), plan.class_names, span.start):
        digest.update((folder.path / "images" / place).read_bytes())
    return {"images": {"pictures": len(span), "sha256": digest.hexdigest()}}


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _text(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
