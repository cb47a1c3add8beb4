"""Stateful tests of a run: train, kill, stop, resume, lengthen, damage, sample and evaluate in any order.

Nothing is lost, and the result equals that of an uninterrupted training to the same lengths. Hypothesis generates the
sequences. In CI they are the same each time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import tiny
from tests.cli.commands import run as digitgan
from tests.faults.victims import DiesInSave, complaint_of, training
from tests.trainings import assert_same

pytestmark = pytest.mark.usefixtures("caches_at_hand")

OPTIONS = [*tiny.options("training.checkpoints=5"), "--seed=3"]
SECONDS = 120
"""Time limit of one process on a busy machine."""

Fate = tuple[str, float]
"""The fault of one process and its time: seconds after the start, or the seed of the moment within a save."""

FATES = st.one_of(
    st.just(("none", 0.0)),
    st.tuples(st.just("SIGKILL"), st.floats(0.1, 1.5)),
    st.tuples(st.just("SIGTERM"), st.floats(0.1, 1.5)),
    st.tuples(st.just("dies in a save"), st.integers(0, 10_000).map(float)),
)
LENGTHS = st.sampled_from([320, 640])

REFERENCES: dict[tuple[int, ...], Path] = {}
"""Uninterrupted runs trained to these lengths one after another."""


class Life(RuleBasedStateMachine):
    """A run and the operations on it.

    Attributes:
        run: the folder of the run.
        lengths: the lengths that training was started for, the last possibly not reached yet. Empty before the first training.
        finished: whether the last length is reached.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.run = RunFolder(self.folder / "run")
        self.lengths: tuple[int, ...] = ()
        self.finished = False

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @precondition(lambda self: not self.lengths)
    @rule(images=LENGTHS, fate=FATES)
    def train(self, images: int, fate: Fate) -> None:
        self.lengths = (images,)
        self.sit(fate)

    @precondition(lambda self: self.lengths)
    @rule(fate=FATES)
    def resume(self, fate: Fate) -> None:
        self.sit(fate)

    @precondition(lambda self: self.finished and len(self.lengths) < 3)
    @rule(more=LENGTHS, fate=FATES)
    def lengthen(self, more: int, fate: Fate) -> None:
        self.lengths = (*self.lengths, self.lengths[-1] + more)
        self.finished = False
        self.sit(fate)

    @precondition(lambda self: self.lengths)
    @rule(images=LENGTHS)
    def begin_anew(self, images: int) -> None:
        self.lengths, self.finished = (images,), False
        shutil.rmtree(self.run.checkpoints, ignore_errors=True)  # also of an incomplete run
        assert trained(self.run, *OPTIONS, f"--images={images}", "--overwrite") == 0, complaint_of(self.run.path)
        self.ended()

    @precondition(lambda self: self.finished)
    @rule()
    def train_where_a_run_is(self) -> None:
        before = contents(self.run)
        assert trained(self.run, *OPTIONS, "--images=320") == 2
        assert "--overwrite" in complaint_of(self.run.path)
        assert contents(self.run) == before

    def can_be_damaged(self) -> bool:
        """Return whether the checkpoint before the newest belongs to the last length.

        The steps before an earlier length are not repeated identically, because the schedules depend on the length.
        """
        counts = [int(folder.name) for folder in checkpoints(self.run.checkpoints)]
        return len(counts) > 1 and counts[-2] >= (self.lengths[-2] if len(self.lengths) > 1 else 0)

    @precondition(can_be_damaged)
    @rule(place=st.floats(0, 0.999))
    def damage(self, place: float) -> None:
        """Flip a bit in the newest checkpoint. A finished run then lacks its last checkpoint."""
        state = checkpoints(self.run.checkpoints)[-1] / "state.safetensors"
        content = bytearray(state.read_bytes())
        content[int(place * len(content))] ^= 16
        state.write_bytes(content)
        self.sit(("none", 0.0))

    @precondition(lambda self: self.lengths)
    @rule(seed=st.integers(0, 2**31 - 1))
    def draw(self, seed: int) -> None:
        drawn = self.drawn(self.run, seed)
        if self.finished:
            assert drawn == self.drawn(reference(self.lengths), seed)

    @precondition(lambda self: self.finished)
    @rule()
    def evaluate(self) -> None:
        assert self.metrics(self.run) == self.metrics(reference(self.lengths))

    @invariant()
    def what_is_there_is_whole(self) -> None:
        if not self.run.record.exists():
            return
        self.run.read_record()
        self.run.read_recipe()
        counts = [line["images_seen"] for line in self.run.read_history()]
        assert counts == sorted(set(counts))

    def sit(self, fate: Fate) -> None:
        """Train to the last length, unless a fault ends the process."""
        wanted = f"--images={self.lengths[-1]}"
        options = ["--resume", wanted] if self.run.record.exists() else [*OPTIONS, wanted, "--overwrite"]
        code = trained(self.run, *options, fate=fate)
        if code == 0:
            self.ended()
            return
        expected = {"SIGKILL": -signal.SIGKILL, "dies in a save": -signal.SIGKILL, "SIGTERM": 143}
        # SIGTERM before Python installs its handler ends the process with the default action.
        assert code == expected.get(fate[0]) or (fate[0] == "SIGTERM" and code == -signal.SIGTERM), complaint_of(self.run.path)

    def ended(self) -> None:
        assert_same(self.run, reference(self.lengths))
        assert list(self.run.path.rglob("*.part")) == []
        self.finished = True

    def drawn(self, run: RunFolder, seed: int) -> bytes:
        out = self.folder / "drawn.npz"
        options = (f"--seed={seed}", "--count=20", "--format=npz", f"--out={out}", "--overwrite", "--quiet")
        there = run.model.exists()
        assert digitgan("sample", str(run.path), *options) == (0 if there else 2)
        return out.read_bytes() if there else b""

    def metrics(self, run: RunFolder) -> dict[str, object]:
        report = self.folder / "report"
        assert digitgan("evaluate", str(run.path), "--images=200", f"--report={report}", "--overwrite", "--quiet") == 0
        found = json.loads((report / "report.json").read_text())
        return {name: found[name] for name in ("metrics", "per_class", "confusion", "memorisation")}


def trained(run: RunFolder, *options: str, fate: Fate = ("none", 0.0)) -> int:
    """Train in a process with a fault, and return its exit code."""
    what, when = fate
    dies = what == "dies in a save"
    process = training(run.path, *options, prepare=DiesInSave(int(when)) if dies else None)
    process.join(SECONDS if what == "none" or dies else when)
    if process.is_alive():
        (process.kill if what == "SIGKILL" else process.terminate)()
        process.join(SECONDS)
    assert process.exitcode is not None
    return process.exitcode


def reference(lengths: tuple[int, ...]) -> RunFolder:
    """Return an uninterrupted run trained to each of these lengths in turn."""
    if lengths not in REFERENCES:
        run = RunFolder(Path(tempfile.mkdtemp(prefix="reference-")) / "run")
        for number, images in enumerate(lengths):
            assert trained(run, *(["--resume"] if number else OPTIONS), f"--images={images}") == 0, complaint_of(run.path)
        REFERENCES[lengths] = run.path
    return RunFolder(REFERENCES[lengths])


def contents(run: RunFolder) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in run.path.rglob("*") if path.is_file()}


@pytest.mark.long
def test_in_any_order_nothing_is_lost() -> None:
    usual = settings(
        max_examples=6,
        stateful_step_count=6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # without shrinking, which takes an hour with processes
    )
    try:
        run_state_machine_as_test(Life, settings=usual)
    finally:
        for path in REFERENCES.values():
            shutil.rmtree(path.parent)
        REFERENCES.clear()
