"""Tests of the optimiser: it computes as PyTorch's, and does not import PyTorch's compiler."""

from __future__ import annotations

import subprocess
import sys

import torch

from digitgan.adam import EagerAdam


def trained_by(optimizer: type[torch.optim.Adam]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return weights after some steps, and the state of the optimiser."""
    torch.manual_seed(0)
    weight = torch.randn(40, 30, requires_grad=True)
    target = torch.randn(40, 30)
    adam = optimizer([weight], lr=0.01, betas=(0.0, 0.95), fused=True)
    for _ in range(5):
        adam.zero_grad()
        ((weight - target) ** 2).sum().backward()
        adam.step()
    return weight.detach(), adam.state[weight]


def test_the_steps_are_those_of_pytorch_bit_for_bit() -> None:
    (mine, state), (theirs, expected) = trained_by(EagerAdam), trained_by(torch.optim.Adam)
    assert torch.equal(mine, theirs)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_a_training_does_not_import_the_compiler_of_pytorch() -> None:
    code = (
        "import sys; from digitgan.session.plan import plan_training; from digitgan.session.components import build_trainer\n"
        "from digitgan.options import TrainOptions\n"
        "plan = plan_training(TrainOptions('fast', data='digits', images=256), print); plan.summary()\n"
        "trainer, batches, noise = build_trainer(plan)\n"
        "trainer.step(batches.at(0), noise.at(0))\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
