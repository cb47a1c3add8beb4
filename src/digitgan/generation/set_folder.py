"""The folder of a set of several files: files of bounded size and a manifest, written by any number of processes.

While a set is incomplete, `.unfinished/` holds its plan and a record of each finished file. The manifest is written last, and
`.unfinished/` is then removed. A killed set can therefore be resumed. Its bytes depend on its `SetPlan` alone.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from digitgan.data.readers.manifests import MANIFEST
from digitgan.errors import OutputError, UsageError, why_not_written
from digitgan.files import mark, replacing
from digitgan.generation.plan import SetPlan
from digitgan.generation.rejection_sampling import Block
from digitgan.generation.writers import Shard, Writer
from digitgan.images import Picture
from digitgan.model.batching import spans


@final
@dataclass(frozen=True)
class SetFolder:
    """The paths of a set.

    Attributes:
        path: The folder itself.
        writer: Writer of the files.
    """

    path: Path
    writer: Writer

    @property
    def manifest(self) -> Path:
        """The manifest, which exists only if the set is complete."""
        return self.path / MANIFEST

    @property
    def card(self) -> Path:
        """The card, which reports the quality of the set."""
        return self.path / "README.md"

    @property
    def unfinished(self) -> Path:
        """The folder that exists only while the set is incomplete."""
        return self.path / ".unfinished"

    @property
    def plan(self) -> Path:
        """The plan of the incomplete set."""
        return self.unfinished / "plan.json"

    def record(self, shard: int) -> Path:
        """Return the path of the record of a finished file."""
        return self.unfinished / f"{shard:05d}.json"


def begin_set(plan: SetPlan, folder: SetFolder, *, resume: bool) -> None:
    """Prepare the folder of a set.

    Args:
        plan: Plan of the set.
        folder: An unused path, or with `resume` the folder of the same set, complete or not.
        resume: Continue the set in the folder.

    Raises:
        OutputError: If the disk has too little free space, or the folder cannot be written.
        UsageError: If `resume` is given and the folder holds another set or none.
    """
    if resume:
        if folder.manifest.is_file():
            _reopen(plan, folder)
        _check_same(plan, folder)
        remove_partial_files(folder)
        return
    parent = next(parent for parent in [folder.path, *folder.path.absolute().parents] if parent.exists())
    free = shutil.disk_usage(parent).free
    needed = _bytes_needed(plan, folder)
    if needed > free:
        raise OutputError(
            f"{folder.path}: {plan.labelling.count:,} images as {plan.format} need about {_size(needed)}, but only "
            f"{_size(free)} are free; reduce the number of images or choose another --out"
        )
    try:
        folder.unfinished.mkdir(parents=True)
        mark(folder.path)
    except OSError as problem:
        reason = why_not_written(problem, folder.path)
        raise OutputError(f"{folder.path}: cannot be written ({reason}); choose another --out") from problem
    with replacing(folder.plan) as file:
        file.write(_json(plan.values()))


def unfinished_shards(plan: SetPlan, folder: SetFolder, among: Iterable[int] | None = None) -> list[int]:
    """Return the shards that are missing or do not match their record, out of `among` or of all shards."""
    return [shard for shard in (range(plan.shards) if among is None else among) if not _is_intact(plan, folder, shard)]


def write_shard(plan: SetPlan, folder: SetFolder, number: int, draw: Callable[[Iterator[range]], Iterator[Block]]) -> None:
    """Generate and write one shard of a set, and record it as finished.

    Args:
        plan: Plan of the set.
        folder: Folder of the set.
        number: Index of the shard.
        draw: Generates one block per span, in the order of the spans.

    Raises:
        OutputError: If the shard cannot be written; the finished ones are kept.
    """
    span = plan.span(number)
    shard = _shard(plan, folder, number)
    attempts = np.zeros(len(plan.class_names), dtype=np.int64)

    def images() -> Iterator[Picture]:
        for block in draw(spans(span.start, len(span))):
            np.add.at(attempts, block.labels, block.attempts)
            yield block.images

    try:
        folder.writer.write_shard(shard, images())
        record = {
            "first": span.start,
            "images": len(span),
            "counts": np.bincount(shard.labels, minlength=len(plan.class_names)).tolist(),
            "attempts": attempts.tolist(),
            "files": folder.writer.shard_files(shard),
        }
        with replacing(folder.record(number)) as file:
            file.write(_json(record))
    except OutputError as problem:
        missing = _bytes_needed(plan, folder) * (plan.labelling.count - span.start) // plan.labelling.count
        free = shutil.disk_usage(folder.path).free if folder.path.exists() else 0
        raise OutputError(
            f"{problem}. The rest of the set needs about {_size(missing)}, and {_size(free)} are free. The finished files are "
            "kept; free some space and continue with --resume"
        ) from problem


def remove_partial_files(folder: SetFolder) -> None:
    """Remove the partially written files of killed processes; no process may be writing to the set."""
    for leftover in list(folder.path.rglob(".*.part")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def manifest_of(plan: SetPlan, folder: SetFolder) -> dict[str, Any]:
    """Return the manifest of a set, all of whose files are finished."""
    records = [json.loads(folder.record(shard).read_text(encoding="utf-8")) for shard in range(plan.shards)]
    attempts = np.sum([record["attempts"] for record in records], axis=0)
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
        if plan.data is None and plan.discriminator_rejection is None
        else {
            "min_confidence": plan.min_confidence,
            "unique": plan.unique,
            "discriminator_rejection": plan.discriminator_rejection,
            "discriminator_sha256": plan.discriminator_sha256,
            "data": None if plan.data is None else json.loads(plan.data)["source"],
            "per_class_limit": None if plan.data is None else json.loads(plan.data)["per_class_limit"],
            "classifier_sha256": plan.classifier_sha256,
            "accepted": {
                name: round(count / tried, 6) if tried else None
                for name, count, tried in zip(plan.class_names, counts.tolist(), attempts.tolist(), strict=True)
            },
        },
        "command": plan.command(),
        "version": plan.version,
        "files": [{key: record[key] for key in ("first", "images", "files", "attempts")} for record in records],
    }


def finish_set(folder: SetFolder, manifest: dict[str, Any], card: str | None) -> None:
    """Write the card, if any, and the manifest of a set, and so mark it as complete."""
    if card is not None:
        with replacing(folder.card) as file:
            file.write(card.encode())
    with replacing(folder.manifest) as file:
        file.write(_json(manifest))
    shutil.rmtree(folder.unfinished)


def _reopen(plan: SetPlan, folder: SetFolder) -> None:
    """Turn a complete set into an incomplete one, so that its files are verified and damaged ones are generated again."""
    try:
        manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
        drawn_by = {"command": manifest["command"], "model": manifest["model"]["sha256"], "version": manifest["version"]}
        parts = [{key: part[key] for key in ("first", "images", "files", "attempts")} for part in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(
            f"{folder.manifest}: damaged or of an older version ({problem}); generate the set again with --overwrite"
        ) from problem
    asked = {"command": plan.command(), "model": plan.model_sha256, "version": plan.version}
    if others := [f"{key}: {drawn_by[key]} -> {value}" for key, value in asked.items() if drawn_by[key] != value]:
        listed = "\n  ".join(others)
        raise UsageError(f"{folder.path}: holds another complete set; choose another --out. Differences:\n  {listed}")
    folder.unfinished.mkdir(exist_ok=True)
    for shard, part in enumerate(parts):
        labels = plan.labelling.of(plan.span(shard))
        counts = np.bincount(labels, minlength=len(plan.class_names)).tolist()
        with replacing(folder.record(shard)) as file:
            file.write(_json({**part, "counts": counts}))
    with replacing(folder.plan) as file:
        file.write(_json(plan.values()))
    folder.manifest.unlink()


def _check_same(plan: SetPlan, folder: SetFolder) -> None:
    try:
        before = json.loads(folder.plan.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UsageError(f"{folder.path}: holds no unfinished set; remove --resume") from problem
    now = plan.values()
    others = [f"{key}: {before.get(key)} -> {value}" for key, value in now.items() if before.get(key) != value]
    if others:
        listed = "\n  ".join(others)
        raise UsageError(f"{folder.path}: holds another unfinished set; choose another --out. Differences:\n  {listed}")


def _is_intact(plan: SetPlan, folder: SetFolder, number: int) -> bool:
    """Return whether a shard is on the disk as its record says."""
    try:
        files = json.loads(folder.record(number).read_text(encoding="utf-8"))["files"]
        return bool(files == folder.writer.shard_files(_shard(plan, folder, number)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _shard(plan: SetPlan, folder: SetFolder, number: int) -> Shard:
    span = plan.span(number)
    labels = plan.labelling.of(span)
    return Shard(folder.path, folder.unfinished, number, plan.shards, span.start, labels, plan.class_names)


def _bytes_needed(plan: SetPlan, folder: SetFolder) -> int:
    """Return the approximate size of a set on disk, in bytes."""
    return round(plan.labelling.count * folder.writer.image_bytes(math.prod(plan.shape)))


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
