"""The optimiser Adam of PyTorch, without the import of its compiler."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, final

import torch

_STEP: Final[Callable[..., None]] = inspect.unwrap(torch.optim.Adam.step)


@final
class EagerAdam(torch.optim.Adam):
    """`torch.optim.Adam` for use without `torch.compile`.

    The decorators of PyTorch's optimisers import `torch._dynamo` at their first use, which takes more than a second: a tenth of
    a training of ten seconds. `functools.wraps` keeps the functions that they decorate, and this class calls these. The
    arithmetic is the same, bit for bit.
    """

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the weights by their gradients."""
        with torch.no_grad():
            _STEP(self, closure)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """See `torch.optim.Optimizer.add_param_group`."""
        inspect.unwrap(torch.optim.Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See `torch.optim.Optimizer.zero_grad`."""
        inspect.unwrap(torch.optim.Optimizer.zero_grad)(self, set_to_none)
