"""Scenario tests of distributed training by torchrun: equal results, and the loss of a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from digitgan.recipes import RECIPES
from digitgan.runs import RunFolder
from tests import processes, tiny
from tests.faults.victims import Signals
from tests.trainings import PATIENCE, ROOT, assert_same, history

OPTIONS = (*tiny.options("updates.microbatches=4"), "--seed=3")

pytestmark = pytest.mark.usefixtures("isolated_home")


def start(count: int, out: Path, *more: str) -> subprocess.Popen[str]:
    return run_by(count, "-m", "digitgan", "train", *more, "--out", str(out), "--quiet")


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    """End the processes of a test, also after a failure."""
    yield
    while begun:
        process = begun.pop()
        if process.poll() is None:
            process.terminate()  # torchrun forwards SIGTERM
            process.communicate(timeout=PATIENCE)


begun: list[subprocess.Popen[str]] = []


def run_by(count: int, *command: str) -> subprocess.Popen[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
    process = processes.Popen(
        [sys.executable, *torchrun, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    begun.append(process)
    return process


def finish(process: subprocess.Popen[str]) -> str:
    _, complaint = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, complaint
    return complaint


def losses(run: RunFolder) -> list[float]:
    return [line["discriminator_loss"] for line in run.read_history()]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("alone") / "run"
    finish(start(1, out, *OPTIONS, "--images=800"))
    return RunFolder(out)


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.long)])
def test_any_number_of_processes_makes_the_same_training(tmp_path: Path, alone: RunFolder, count: int) -> None:
    finish(start(count, tmp_path / "run", *OPTIONS, "--images=800"))
    together = RunFolder(tmp_path / "run")
    assert losses(together) == losses(alone)
    one, other = load_file(alone.model), load_file(together.model)
    assert one.keys() == other.keys()
    assert [name for name, tensor in one.items() if not torch.equal(other[name], tensor)] == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["mask-cgan", "plain-gan", "dcgan", "onehot-cgan", "colour", "style", "wgan-gp"])
def test_a_recipe_needs_no_further_option(tmp_path: Path, name: str) -> None:
    """Test recipes with dropout, batch norm, pretrained features, a batch of the generator's own and rare generator steps."""
    images = 5 * RECIPES[name].training.batch_size
    finish(
        run_by(2, "-m", "digitgan", "train", name, "--data=digits", f"--images={images}", "--out", str(tmp_path / "together"))
    )
    together = RunFolder(tmp_path / "together")
    assert together.read_record()["status"] == "finished"
    options = (name, "--data=digits", f"--images={images}", "--set=updates.microbatches=2")
    finish(start(1, tmp_path / "alone", *options))
    assert losses(together) == losses(RunFolder(tmp_path / "alone"))


GROWING = ("fast", "--data=digits", "--seed=3", *(f"--set={setting}" for setting in (*tiny.GROWING, "updates.microbatches=4")))


@pytest.mark.long
def test_several_processes_grow_and_adapt_their_augmentation_as_one_does(tmp_path: Path) -> None:
    options = (*GROWING, "--set=augmentation.name=adaptive", "--set=augmentation.horizon=200")
    runs = [RunFolder(tmp_path / name) for name in ("alone", "together")]
    for count, run in enumerate(runs, 1):
        finish(start(count, run.path, *options))
    alone, together = (history(run) for run in runs)
    assert together == alone
    assert any(line["augmentation_probability"] > 0 for line in alone)
    one, other = (load_file(run.model) for run in runs)
    assert one.keys() == other.keys()
    assert [name for name, tensor in one.items() if not torch.equal(other[name], tensor)] == []


@pytest.mark.long
def test_processes_that_resume_in_the_middle_of_a_fade_have_its_level(tmp_path: Path) -> None:
    whole, parted = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "parted")
    finish(start(2, whole.path, *GROWING))
    stop = Signals(signal.SIGTERM, "History", "Stepped", 112)
    ended = processes.run(stop.command("train", *GROWING, "--out", str(parted.path), "--quiet"), cwd=ROOT)
    assert ended.returncode == 128 + signal.SIGTERM
    finish(start(2, parted.path, "--resume"))
    assert_same(parted, whole)


@pytest.mark.long
def test_without_microbatches_each_process_gets_one(tmp_path: Path) -> None:
    together = tmp_path / "together"
    shown = finish(run_by(2, "-m", "digitgan", "train", *tiny.options(), "--images=160", "--out", str(together)))
    assert shown.count("updates.microbatches = 2") == 1
    assert RunFolder(together).read_recipe().updates.microbatches == 2
    alone = tmp_path / "alone"
    finish(start(1, alone, *tiny.options("updates.microbatches=2"), "--images=160"))
    assert losses(RunFolder(together)) == losses(RunFolder(alone))
    finish(start(2, together, "--resume", "--images=320"))
    assert RunFolder(together).read_record()["status"] == "finished"


@pytest.mark.long
def test_parts_that_cannot_be_shared_out_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    process = start(3, tmp_path / "run", *OPTIONS, "--images=320")
    _, complaint = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode != 0
    assert "updates.microbatches = 4 with 3 processes" in complaint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("killed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_when_one_is_killed_all_end_and_fewer_can_go_on(tmp_path: Path, killed: int) -> None:
    run = RunFolder(tmp_path / "run")
    process = start(2, run.path, *OPTIONS, "--images=100000", "--set=training.checkpoints=300")
    wait_for_a_checkpoint(run, process)
    os.kill(ranks_of(process)[killed], signal.SIGKILL)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    if killed == 1:
        assert re.search("^digitgan: .*--resume", complaint, re.MULTILINE)
    seen = max(int(folder.name) for folder in run.checkpoints.iterdir() if folder.name.isdecimal())
    finish(start(1, run.path, "--resume", f"--images={seen + 320}"))
    assert run.read_record()["status"] == "finished"


@pytest.mark.parametrize("also", ["nothing", pytest.param("a rank", marks=pytest.mark.long)])
def test_after_a_kill_of_torchrun_no_rank_is_left(tmp_path: Path, also: str) -> None:
    run = RunFolder(tmp_path / "run")
    process = start(2, run.path, *OPTIONS, "--images=100000", "--set=training.checkpoints=300")
    wait_for_a_checkpoint(run, process)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    process.kill()
    if also == "a rank":
        os.kill(ranks[1], signal.SIGKILL)
    wait_for_the_end(ranks)
    assert run.read_record()["status"] == ("stopped" if also == "nothing" else "training")
    process.communicate()
    finish(start(2, run.path, "--resume", f"--images={320 + max(map(images_of, run.checkpoints.iterdir()))}"))
    assert run.read_record()["status"] == "finished"


@pytest.mark.long
def test_after_a_kill_of_torchrun_no_rank_draws_on(tmp_path: Path) -> None:
    plan = ["-m", "digitgan", "sample", "--count", "2000000", "--format", "npz", "--shard-size", "2000", "--quiet"]
    process = run_by(2, *plan, "--out", str(tmp_path / "set"))
    deadline = time.monotonic() + PATIENCE
    while not list((tmp_path / "set").glob("*.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ranks = ranks_of(process)
    process.kill()
    wait_for_the_end(ranks)
    process.communicate()


FAILS = """
import os
import sys

from digitgan import cli
from digitgan.training.trainer import Trainer

learn = Trainer._update_in_turn

def failing(trainer, parts):
    if trainer.images_seen >= 320 and os.environ["RANK"] == "0":
        raise MemoryError("no room for this step")
    return learn(trainer, parts)

Trainer._update_in_turn = failing
cli.main(sys.argv[1:])
"""


@pytest.mark.long
def test_where_the_first_one_fails_in_a_step_its_own_words_are_seen_soon(tmp_path: Path) -> None:
    """Test that no follower reads the end of the leader as a gradient, or waits for a timeout."""
    (tmp_path / "fails.py").write_text(FAILS)
    command = [str(tmp_path / "fails.py"), "train", *OPTIONS, "--images=800", "--out", str(tmp_path / "run"), "--quiet"]
    process = run_by(2, *command)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "MemoryError: no room for this step" in complaint
    assert "EnforceNotMet" not in complaint
    assert "terminate called" not in complaint


@pytest.mark.long
def test_told_to_stop_they_leave_a_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = start(2, run.path, *OPTIONS, "--images=100000", "--set=training.checkpoints=300")
    wait_for_a_checkpoint(run, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert run.read_record()["status"] == "stopped"
    assert (run.checkpoints / f"{run.read_record()['images_seen']:08d}").is_dir()


@pytest.mark.long
@pytest.mark.parametrize("told", ["a follower", "all, and torchrun"])
def test_whoever_is_told_to_stop_all_do_with_a_checkpoint(tmp_path: Path, told: str) -> None:
    """Test a stop of one process only, and a stop of all processes that torchrun forwards again."""
    run = RunFolder(tmp_path / "run")
    process = start(2, run.path, *OPTIONS, "--images=100000", "--set=training.checkpoints=300")
    wait_for_a_checkpoint(run, process)
    ranks = ranks_of(process)
    for rank in ranks[1:] if told == "a follower" else ranks:
        os.kill(rank, signal.SIGTERM)
    if told != "a follower":
        process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0, "the exit code reports an unfinished training"
    assert run.read_record()["status"] == "stopped", complaint
    assert (run.checkpoints / f"{run.read_record()['images_seen']:08d}").is_dir()


@pytest.mark.long
def test_told_to_stop_in_the_pretraining_all_end_without_an_alarm(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    process = start(2, run.path, *OPTIONS, "--images=100000", "--set=training.generator_pretraining=100000")
    deadline = time.monotonic() + PATIENCE
    while len(ranks := ranks_of(process)) < 2 or not run.path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    os.kill(ranks[0], signal.SIGTERM)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert run.read_record()["status"] == "stopped", complaint
    assert "digitgan: " not in complaint


WAITS = """
import sys
import time
from datetime import timedelta

from digitgan import cli
from digitgan.distributed import ProcessGroup
from digitgan.session import components

ProcessGroup.__init__.__defaults__ = (timedelta(seconds=10),)
find = components.classifier_for

def slowly(images, notify, check_stop):
    for second in range(20):
        time.sleep(1)
        notify(f"{second} s")
    return find(images, notify, check_stop)

components.classifier_for = slowly
cli.main(sys.argv[1:])
"""


@pytest.mark.long
@pytest.mark.usefixtures("caches_at_hand")
def test_the_others_wait_for_the_first_one_while_it_reports_progress(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    evaluated = (*OPTIONS, "--images=320", "--evaluate-every=320")
    finish(run_by(2, str(tmp_path / "waits.py"), "train", *evaluated, "--out", str(tmp_path / "run")))
    assert RunFolder(tmp_path / "run").read_record()["status"] == "finished"


@pytest.mark.long
def test_of_a_set_whose_drawing_loses_one_what_is_finished_is_kept(tmp_path: Path) -> None:
    def drawing(count: int, name: str, *more: str) -> subprocess.Popen[str]:
        plan = ["-m", "digitgan", "sample", "--count", "40000", "--format", "npz", "--shard-size", "2000", "--quiet"]
        return run_by(count, *plan, "--out", str(tmp_path / name), *more)

    process = drawing(2, "set")
    deadline = time.monotonic() + PATIENCE
    while not list((tmp_path / "set").glob("*.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(ranks_of(process)[1], signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").glob("*.npz")}
    assert 0 < len(kept) < 20
    finish(drawing(1, "set", "--resume"))
    finish(drawing(1, "whole"))
    again = [path for path, before in kept.items() if path.stat().st_mtime_ns != before]
    assert len(again) <= 2, "at most one file of each killed process lacks its record"
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == whole


def test_a_set_that_cannot_be_drawn_is_refused_by_all_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("mine")
    process = run_by(2, "-m", "digitgan", "sample", "--count", "40", "--format", "npz", "--out", str(tmp_path / "set"))
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert complaint.count("digitgan: ") == complaint.count("--overwrite") > 0


ONE_AFTER_THE_OTHER = """
import atexit
import os
import sys
from pathlib import Path

import torch.distributed as dist

import digitgan

folder, settings = Path(sys.argv[1]), sys.argv[2:]
atexit.register(lambda: (folder / f"left-{os.environ['RANK']}").write_text(str(not dist.is_initialized())))
for name in ("one", "two"):
    result = digitgan.train("fast", data="digits", out=folder / name, images=320, settings=settings)
    dist.barrier()  # the first process writes the model
digitgan.sample_to_files(result.model, count=40, out=folder / "set", shard_size=10, format="npz")
"""


@pytest.mark.long
def test_a_script_may_train_and_draw_several_times_and_its_processes_leave_each_other_before_python_ends(
    tmp_path: Path,
) -> None:
    """Test that the threads of Gloo end first; a thread that releases a tensor at exit may abort the process."""
    (tmp_path / "script.py").write_text(ONE_AFTER_THE_OTHER)
    settings = [option.removeprefix("--set=") for option in OPTIONS if option.startswith("--set=")]
    finish(run_by(2, str(tmp_path / "script.py"), str(tmp_path), *settings))
    assert [(tmp_path / f"left-{rank}").read_text() for rank in (0, 1)] == ["True", "True"]
    assert RunFolder(tmp_path / "two").read_record()["status"] == "finished"
    assert len(list((tmp_path / "set").glob("*.npz"))) == 4


def wait_for_a_checkpoint(run: RunFolder, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if run.checkpoints.is_dir() and any(folder.name.isdecimal() for folder in run.checkpoints.iterdir()):
            return
        time.sleep(0.05)
    process.terminate()
    pytest.fail(f"no checkpoint in time: {process.communicate(timeout=PATIENCE)[1]}")


def images_of(checkpoint: Path) -> int:
    return int(checkpoint.name) if checkpoint.name.isdecimal() else 0


def wait_for_the_end(ranks: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := [rank for rank in ranks if state_of(rank) not in "ZX"]:
        if time.monotonic() > deadline:
            for rank in left:
                os.kill(rank, signal.SIGKILL)
            pytest.fail(f"{len(left)} of {len(ranks)} processes were left")
        time.sleep(0.1)


def state_of(pid: int) -> str:
    """Return the state of a process in /proc; "X" if it does not exist."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def ranks_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the process ids of the ranks, in order."""
    found: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            told = dict(entry.partition("=")[::2] for entry in (folder / "environ").read_text().split("\0"))
        except (OSError, ValueError):
            continue
        if parent == process.pid and "RANK" in told:
            found[int(told["RANK"])] = int(folder.name)
    return [found[rank] for rank in sorted(found)]
