"""Fixtures and settings of all tests: fixed arithmetic, an isolated home, small models and data."""

from __future__ import annotations

import collections
import dataclasses
import fcntl
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from digitgan.cli.threads import SPINS
from tests.isolation import (
    _isolated,  # noqa: F401 (a fixture of every test)
    needs_gpu,
    seed_random_numbers,
)

if TYPE_CHECKING:
    from digitgan.data import ImageSet
    from digitgan.model.file import Model
    from digitgan.recipes import Recipe
    from digitgan.training import Trainer

# The number of threads changes the rounding of sums. It is fixed here and in the processes that tests start, before torch is
# imported. Networks this small gain nothing from a second thread, and wait for it if the machine runs other programs.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
# Tests need no window.
os.environ["MPLBACKEND"] = "Agg"
# The setting for a shared machine, because tests run in parallel with other programs.
os.environ["GOMP_SPINCOUNT"] = SPINS
# Output to a pipe is buffered, as in most shells.
os.environ.pop("PYTHONUNBUFFERED", None)

# No deadline, because the machine may be busy; in CI, the examples are always the same.
settings.register_profile("digitgan", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("digitgan")


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPU unless the marker expression requires `gpu`, and keep the font cache of matplotlib between runs.

    Other tests expect equality to the last bit, which a GPU does not give. A test with an isolated home would spend seconds
    to build the font cache.
    """
    if not needs_gpu(config.getoption("markexpr")):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch is imported
    if getattr(config, "cache", None) is not None:  # absent with -p no:cacheprovider
        os.environ["MPLCONFIGDIR"] = str(config.cache.mkdir("matplotlib"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the skipped tests with their reasons at the end."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = collections.Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        listed = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"not run: {listed}")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
    seed_random_numbers()


@pytest.fixture
def no_training_left(tmp_path: Path) -> Iterator[None]:
    """Kill the trainings that a failed test leaves in `tmp_path / "runs"`; they outlive the studio."""
    yield
    for state in (tmp_path / "runs" / ".studio").glob("*.json"):
        process = json.loads(state.read_text(encoding="utf-8")).get("pid")
        command = Path(f"/proc/{process}/cmdline")
        if command.exists() and str(tmp_path).encode() in command.read_bytes():
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty home for tests of the command line: no caches, no data, no colours, lines of 100 characters."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("DIGITGAN_DATA", "FORCE_COLOR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a function that makes something of a name in a folder which the workers of pytest-xdist share.

    One worker calls the given function with that folder. The others wait until it has returned.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if hasattr(request.config, "workerinput") else own) / "shared"
    folder.mkdir(exist_ok=True)

    def make(name: str, by: Callable[[Path], None]) -> Path:
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / f"{name}.made").exists():
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("XDG_CACHE_HOME", str(folder / "caches"))
                    by(folder)
                (folder / f"{name}.made").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def caches(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """Return a cache folder with a classifier of the embedded digits, trained for fewer epochs than usual."""

    def train(_: Path) -> None:
        from digitgan.data import sklearn_digits
        from digitgan.evaluation import classifier_for, classifier_training

        with pytest.MonkeyPatch.context() as patch:
            briefer = {name: dataclasses.replace(each, max_epochs=6) for name, each in classifier_training.SETTINGS.items()}
            patch.setattr(classifier_training, "SETTINGS", briefer)
            classifier_for(sklearn_digits("train"), lambda line: None)

    return made_once("classifier", train) / "caches"


@pytest.fixture(scope="session")
def mnist_caches(made_once: Callable[[str, Callable[[Path], None]], Path], caches: Path) -> Path:
    """Return the folder of `caches` with the reference statistics of MNIST as well, which take long to compute."""

    def compute(_: Path) -> None:
        from digitgan.data import load_image_set
        from digitgan.evaluation import cached_reference_statistics, classifier_for

        training, held_out = (load_image_set("mnist", split) for split in ("train", "test"))
        known = classifier_for(training, lambda line: None)
        cached_reference_statistics(known, training, held_out, len(held_out), lambda line: None)

    return made_once("statistics", compute) / "caches"


@pytest.fixture
def caches_at_hand(isolated_home: Path, caches: Path) -> None:
    """Copy these caches to the home of the command line."""
    shutil.copytree(caches, isolated_home / ".cache", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))


@pytest.fixture
def mnist_caches_at_hand(caches_at_hand: None, isolated_home: Path, mnist_caches: Path) -> None:
    """Copy the reference statistics of MNIST to the home of the command line as well."""
    shutil.copytree(mnist_caches, isolated_home / ".cache", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    """Return the training split of the embedded digits: 1,500 grey images of 28×28, ten classes."""
    from digitgan.data import sklearn_digits

    return sklearn_digits("train")


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    """Return the tiny recipe."""
    from tests import tiny

    return tiny.recipe()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a finished run of the tiny recipe with two snapshots. Tests only read it."""
    from tests import tiny

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    run = tiny.train(tmp_path_factory.mktemp("tiny") / "run", "training.snapshots=2", seed=3).run
    before = contents()
    yield run
    after = contents()
    changed = sorted(str(path) for path in {*before, *after} if before.get(path) != after.get(path))
    assert changed == [], "a test changed the run; it needs `tiny_run_copy`"


@pytest.fixture
def tiny_run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished run, `run` in the folder of the test."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture(scope="session")
def new_trainer(small_recipe: Recipe) -> Callable[..., Trainer]:
    """Return a function that makes untrained trainers for the digits, with changed settings of the tiny recipe."""
    import torch

    from digitgan.networks import ImageSpec
    from digitgan.recipes import with_settings
    from digitgan.training import Trainer

    def make(*settings: str, seed: int = 0) -> Trainer:
        return Trainer(with_settings(small_recipe, settings), ImageSpec(1, 28, 28, 10), seed, torch.device("cpu"))

    return make


@pytest.fixture(scope="session")
def new_model(small_recipe: Recipe) -> Callable[..., Model]:
    """Return a function that makes untrained models of 28×28 images."""
    from digitgan.model.file import Model
    from digitgan.networks import ImageSpec, build_generator

    def make(class_names: tuple[str, ...] = tuple("0123456789"), channels: int = 1) -> Model:
        generator = build_generator(small_recipe, ImageSpec(channels, 28, 28, len(class_names)))
        return Model(generator.eval(), small_recipe, class_names, {"seed": 0, "images_seen": 0})

    return make


@pytest.fixture(scope="session")
def small_model(new_model: Callable[..., Model]) -> Model:
    """Return an untrained model of grey 28×28 digits."""
    return new_model()


@pytest.fixture(scope="session")
def touchy_model(small_model: Model) -> Model:
    """Return a model whose images amplify the last bits of another model's output, to detect differences in rounding."""
    import dataclasses

    import torch

    from digitgan.networks import Generator

    class Touchy(Generator):
        def __init__(self, inner: Generator) -> None:
            super().__init__(inner.spec, inner.latent)
            self.inner = inner

        def forward(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return torch.frac(self.inner(z, labels) * 2**20)

    return dataclasses.replace(small_model, generator=Touchy(small_model.generator).eval())
