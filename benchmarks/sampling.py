"""Measure the speed and memory of `digitgan sample` up to a million images, and the time of `digitgan invert`.

    python benchmarks/sampling.py

Each command runs in its own process with the shipped model. For comparison, the benchmark measures the forward pass of the
generator alone, with one block per core and without output. That is the limit of `sample`. It also measures the same generator
in ONNX Runtime. Write the results to benchmarks/results/sampling.json after each measurement, and a table to standard output.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import tyro
from common import RESULTS, command
from machine import machine

import digitgan
from digitgan.images import save_png
from digitgan.model.batching import BLOCK, side_by_side, spans


def bare_speed(images: int = 30_000) -> float:
    """Return the images per second of the generator's forward pass."""
    model = digitgan.load("mnist")
    z, labels = model.latents(0, range(BLOCK)), torch.arange(BLOCK) % 10

    def forward(span: range) -> None:
        with torch.inference_mode():
            model.generator(z, labels)

    for _ in side_by_side(forward, spans(0, 20 * BLOCK)):
        pass
    started = time.perf_counter()
    for _ in side_by_side(forward, spans(0, images)):
        pass
    return images / (time.perf_counter() - started)


def onnx_speeds(images: int = 20_000, sizes: tuple[int, ...] = (16, 64, 256, 1024)) -> dict[str, int]:
    """Return the images per second of the same generator in ONNX Runtime on all cores, by batch size."""
    labels = np.arange(max(sizes)) % 10
    z = digitgan.load("mnist").latents(0, range(max(sizes))).numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        command("export", "mnist", "--format", "onnx", "--out", f"{folder}/generator.onnx")
        session = onnxruntime.InferenceSession(f"{folder}/generator.onnx", options, providers=["CPUExecutionProvider"])
    speeds = {}
    for size in sizes:
        given = {"z": z[:size], "labels": labels[:size]}
        times = images // size
        session.run(None, given)
        started = time.perf_counter()
        for _ in range(times):
            session.run(None, given)
        speeds[str(size)] = round(times * size / (time.perf_counter() - started))
    return speeds


def timed(*arguments: str) -> tuple[dict[str, Any], float]:
    """Run a command, and return its result with its peak memory, and its seconds."""
    started = time.perf_counter()
    found = command(*arguments)
    return found, time.perf_counter() - started


def main(
    images: tuple[int, ...] = (100_000, 1_000_000),
    formats: tuple[str, ...] = ("npz", "idx", "parquet", "folder"),
    inversions: int = 5,
    out: Path = RESULTS / "sampling.json",
) -> None:
    """Measure, print a table, write the JSON.

    Args:
        images: numbers of images in the NPZ files.
        formats: formats of the image sets, each of 100,000 images.
        inversions: number of MNIST test images to invert.
        out: JSON file of the results.
    """
    rows: list[dict[str, Any]] = []
    report = {
        "question": "speed and memory of sampling",
        "bare_generator_images_per_second": round(bare_speed()),
        "onnx_runtime_images_per_second_by_batch": onnx_speeds(),
        "rows": rows,
        "inversions": {},
        "machine": machine(),
    }
    print(f"forward pass of the generator: {report['bare_generator_images_per_second']:,} images/s")
    print(f"ONNX Runtime, images/s by batch size: {report['onnx_runtime_images_per_second_by_batch']}")
    print("| images | format | workers | seconds | images/s | peak memory (GB) |\n|---|---|---|---|---|---|")
    runs = [("npz", count, 1) for count in images] + [("npz", images[0], 2)]
    runs += [(name, 100_000, 1) for name in formats if name != "npz"]
    for name, count, workers in runs:
        with tempfile.TemporaryDirectory() as folder:
            options = ("--format", name, "--shard-size", "50000", "--workers", str(workers), "--out", f"{folder}/set")
            found, seconds = timed("sample", "mnist", "--count", str(count), *options)
        rows.append(
            {
                "format": name,
                "images": count,
                "workers": workers,
                "seconds": round(seconds, 1),
                "images_per_second": round(count / seconds),
                "peak_memory_gb": round(found["peak_memory_gb"], 3),
            }
        )
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        row = rows[-1]
        print(
            f"| {count:,} | {name} | {workers} | {row['seconds']} | {row['images_per_second']:,} | {row['peak_memory_gb']} |",
            flush=True,
        )
    report["inversions"] = inverted(inversions)
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"inversions: {report['inversions']}")


def inverted(count: int) -> dict[str, Any]:
    """Return the seconds and errors of `digitgan invert` for MNIST's first test images, without their class."""
    test = digitgan.load_image_set("mnist", "test")
    seconds, errors, right = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            picture = Path(folder) / f"{index}.png"
            save_png(picture, test.images[index])
            found, took = timed("invert", str(picture), "--out", f"{folder}/{index}-redrawn.png")
            seconds.append(took)
            errors.append(found["error"])
            right += found["class"] == test.class_names[test.labels[index]]
    return {
        "images": count,
        "seconds_median": round(float(np.median(seconds)), 1),
        "seconds_most": round(max(seconds), 1),
        "error_median": round(float(np.median(errors)), 1),
        "right_class": right,
    }


if __name__ == "__main__":
    tyro.cli(main)
