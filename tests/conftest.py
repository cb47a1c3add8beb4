"""What every test stands on: the same arithmetic everywhere, a home of its own, and MNIST where it is at hand."""

from __future__ import annotations

import collections
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
from tests.isolation import _isolated  # noqa: F401 (a fixture of every test)

if TYPE_CHECKING:
    from digitgan.data import ImageSet
    from digitgan.model.file import Model
    from digitgan.recipes import Recipe
    from digitgan.training import Trainer

# Sums are rounded differently by another number of threads, so it is fixed, here and in the processes that tests start,
# and before anything imports torch. One thread: networks this small gain nothing from a second one, and on a machine that
# does other work, such as other tests, they wait for it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
# No test needs a window.
os.environ["MPLBACKEND"] = "Agg"
# As on a shared machine: tests run beside other things too.
os.environ["GOMP_SPINCOUNT"] = SPINS
# As in most users' shells: what is printed into a pipe lies in Python until it is flushed.
os.environ.pop("PYTHONUNBUFFERED", None)

# Examples take as long as they take on a busy machine; in CI they are the same ones every time.
settings.register_profile("digitgan", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("digitgan")


def pytest_configure(config: pytest.Config) -> None:
    """Keep matplotlib's font cache between runs: a test with a home of its own would spend seconds building it."""
    if config.cache is not None:
        os.environ["MPLCONFIGDIR"] = str(config.cache.mkdir("matplotlib"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last what was not tested, and what it takes to test it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = collections.Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        listed = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"not run: {listed}")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder `DIGITGAN_DATA` names, with MNIST's files in its `mnist/`.

    Without them a test is skipped, except in CI, where a missing folder would hide that nothing was tested.
    """
    named = os.environ.get("DIGITGAN_DATA")
    if named and any((Path(named) / "mnist").glob("train-images-idx3-ubyte*")):
        return Path(named).resolve()
    reason = f"DIGITGAN_DATA={named}: no mnist/train-images-idx3-ubyte there" if named else "DIGITGAN_DATA is not set"
    if os.environ.get("CI"):
        pytest.fail(f"MNIST is needed in CI: {reason}")
    pytest.skip("needs MNIST: set DIGITGAN_DATA to the folder that holds mnist/")


@pytest.fixture
def no_training_left(tmp_path: Path) -> Iterator[None]:
    """Ends trainings that a test over `tmp_path / "runs"` has left, as one that fails does: they outlive the studio."""
    yield
    for state in (tmp_path / "runs" / ".studio").glob("*.json"):
        process = json.loads(state.read_text(encoding="utf-8")).get("pid")
        command = Path(f"/proc/{process}/cmdline")
        if command.exists() and str(tmp_path).encode() in command.read_bytes():
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, for tests of the command line: no caches, no data, no colours, lines of 100 characters."""
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
def digits_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a classifier of the embedded digits, trained for a shorter time than usual."""
    from digitgan.data import embedded_digits
    from digitgan.evaluation import classifier_cache as classifier_cache
    from digitgan.evaluation import classifier_for

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr(classifier_cache, "MAX_EPOCHS", 6)
        classifier_for(embedded_digits("train"), lambda line: None)
    return cache


@pytest.fixture
def classifiers_at_hand(isolated_home: Path, digits_classifier: Path) -> None:
    """Puts that classifier where the command line finds it."""
    shutil.copytree(digits_classifier, isolated_home / ".cache", dirs_exist_ok=True)


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    """The embedded digits to train on: 1,500 grey images of 28×28, ten classes."""
    from digitgan.data import embedded_digits

    return embedded_digits("train")


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    """`fast` with networks that take a step in milliseconds; ten steps of 16 images."""
    from digitgan.recipes import find_recipe, with_settings

    settings = [
        "generator.channels=[8, 8]",
        "generator.latent=8",
        "generator.label_embedding=8",
        "discriminator.channels=[8, 8]",
        "discriminator.features=16",
        "training.precision=float32",
        "training.batch_size=16",
        "training.images=160",
    ]
    return with_settings(find_recipe("fast"), settings)


@pytest.fixture(scope="session")
def new_trainer(small_recipe: Recipe) -> Callable[..., Trainer]:
    """Makes untrained games for the digits, by the small recipe with single settings changed."""
    import torch

    from digitgan.networks import ImageSpec
    from digitgan.recipes import with_settings
    from digitgan.training import Trainer

    def make(*settings: str, seed: int = 0) -> Trainer:
        return Trainer(with_settings(small_recipe, settings), ImageSpec(1, 28, 28, 10), seed, torch.device("cpu"))

    return make


@pytest.fixture(scope="session")
def new_model(small_recipe: Recipe) -> Callable[..., Model]:
    """Makes untrained models of 28×28 images."""
    from digitgan.model.file import Model
    from digitgan.networks import ImageSpec, build_generator

    def make(class_names: tuple[str, ...] = tuple("0123456789"), channels: int = 1) -> Model:
        generator = build_generator(small_recipe, ImageSpec(channels, 28, 28, len(class_names)))
        return Model(generator.eval(), small_recipe, class_names, {"seed": 0, "images_seen": 0})

    return make


@pytest.fixture(scope="session")
def small_model(new_model: Callable[..., Model]) -> Model:
    """An untrained model of grey 28×28 digits."""
    return new_model()


@pytest.fixture(scope="session")
def touchy_model(small_model: Model) -> Model:
    """A model whose images show the last bits of another one's numbers, so that what is rounded otherwise shows."""
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
