"""Mixed precision on the meta device, which torch.autocast does not know: tensors have the types that they have on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

IN_BFLOAT16: Final = frozenset(
    [
        functional.conv2d,
        functional.conv_transpose2d,
        functional.linear,
        torch.addmm,
        torch.baddbmm,
        torch.bmm,
        torch.conv2d,
        torch.conv_transpose2d,
        torch.einsum,
        torch.matmul,
        torch.mm,
        Tensor.__matmul__,
        Tensor.__rmatmul__,
        Tensor.bmm,
        Tensor.matmul,
        Tensor.mm,
    ]
)
"""The functions of the networks that torch.autocast computes in bfloat16 on a CPU."""


@final
class MetaAutocast(TorchFunctionMode):
    """Compute the products of matrices and the convolutions of meta tensors in bfloat16."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function, with float32 tensors as bfloat16 if it is one of `IN_BFLOAT16`."""
        if function in IN_BFLOAT16:
            args, kwargs = tree_map(_narrowed, args), tree_map(_narrowed, kwargs)
        return function(*args, **(kwargs or {}))


def _narrowed(value: Any) -> Any:
    return value.to(torch.bfloat16) if isinstance(value, Tensor) and value.dtype == torch.float32 else value
