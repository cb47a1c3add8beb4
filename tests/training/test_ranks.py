"""Tests of the process group: ranks, and the error of a lost process."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest
import torch

from digitgan.distributed import by_torchrun, check_gpus, world
from digitgan.errors import UsageError
from tests.trainings import PATIENCE

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "2", "WORLD_SIZE": "4"}


def test_torchrun_says_who_this_is() -> None:
    assert by_torchrun(TORCHRUN)
    assert world(TORCHRUN) == (2, 4)


def test_each_process_needs_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_gpus("auto", TORCHRUN | {"LOCAL_WORLD_SIZE": "2"})
    check_gpus("cpu", TORCHRUN | {"LOCAL_WORLD_SIZE": "4"})
    check_gpus("cuda", {"LOCAL_WORLD_SIZE": "4"})
    for device in ("auto", "cuda"):
        with pytest.raises(UsageError, match=rf"--device {device}: 4 processes and 2 GPUs .*--nproc-per-node 2"):
            check_gpus(device, TORCHRUN | {"LOCAL_WORLD_SIZE": "4"})


@pytest.mark.parametrize("left", [{}, {"RANK": "2", "WORLD_SIZE": "4"}, {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}])
def test_what_others_leave_in_the_environment_does_not_count(left: dict[str, str]) -> None:
    """Test the environment of a single command inside a distributed job."""
    assert not by_torchrun(left)
    assert world(left) == (0, 1)


MEETING = """
import os
import sys

import torch

from digitgan.errors import DigitganError
from digitgan.distributed import ProcessGroup

ranks = ProcessGroup("Start them again")
assert ranks.broadcast(b"from the first" if ranks.rank == 0 else b"") == b"from the first"
assert ranks.broadcast(b"") == b""
assert ranks.sum_of(torch.tensor([1.0, ranks.rank])).tolist() == [2.0, 1.0]
ranks.wait()
if ranks.rank == 1:
    os._exit(9)
try:
    ranks.wait()
except DigitganError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_lost_one_is_noticed_at_once_and_the_message_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told = os.environ | {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    first, lost = (
        subprocess.Popen(
            [sys.executable, "-c", MEETING],
            env=told | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    )
    assert lost.communicate(timeout=PATIENCE) == ("", "")
    said, trouble = first.communicate(timeout=PATIENCE)
    assert (first.returncode, lost.returncode) == (4, 9)
    assert re.fullmatch(r"another process [^()]*\((Connection|Read error)[^()]*\)\. Start them again\n", said)
    assert trouble == "", "torch prints nothing"
