"""The files for Slurm, Kubeflow and Docker say nothing that the program doesn't know, and can be read."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli.commands import run

DEPLOY = Path(__file__).parents[1] / "deploy"
JOB = list(yaml.safe_load_all((DEPLOY / "pytorchjob.yaml").read_text(encoding="utf-8")))
SETTINGS = JOB[0]["data"]


def slurm(name: str) -> str:
    """What a variable of the batch file is set to."""
    found = re.search(rf"^{name}=\(?(.*?)\)?(?:\s+#.*)?$", (DEPLOY / "slurm.sbatch").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (shlex.split(slurm("training")), int(slurm("parts"))),
        (shlex.split(f"{SETTINGS['RECIPE']} --data {SETTINGS['DATA']} {SETTINGS['OPTIONS']}"), int(SETTINGS["PARTS"])),
    ],
    ids=["Slurm", "Kubeflow"],
)
def test_the_training_that_they_start_is_one(
    tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], parts: int
) -> None:
    monkeypatch.chdir(tmp_path)
    words[words.index("--data") + 1] = "digits"
    fast = ["--set", "training.precision=float32", "--quiet", "--dry-run"]
    assert run("train", *words, "--set", f"updates.microbatches={parts}", *fast) == 0


def test_every_process_has_its_parts() -> None:
    job = JOB[2]["spec"]
    pods = sum(replica["replicas"] for replica in job["pytorchReplicaSpecs"].values())
    assert int(SETTINGS["PARTS"]) % (pods * int(job["nprocPerNode"])) == 0
    nodes = int(re.search(r"\n#SBATCH --nodes=(\d+)", (DEPLOY / "slurm.sbatch").read_text(encoding="utf-8"))[1])  # type: ignore[index]
    assert int(slurm("parts")) % (nodes * int(slurm("processes").split()[0])) == 0


def test_the_scripts_are_bash() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "slurm.sbatch")], check=True)
    for replica in JOB[2]["spec"]["pytorchReplicaSpecs"].values():
        (container,) = replica["template"]["spec"]["containers"]
        subprocess.run(["bash", "-n"], input=container["args"][0], text=True, check=True)


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.cuda"])
def test_images_run_as_nobody_special(name: str) -> None:
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1] == "1000"
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (DEPLOY.parent / source).exists(), source
