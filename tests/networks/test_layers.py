"""'Same' padding and the other shared layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from digitgan.networks.layers import (
    SameTransposedConvolution,
    ToUnit,
    UnitSigmoid,
    apply_spectral_norm,
    same_convolution,
)


def ones(layer: nn.Module) -> nn.Module:
    for weight in layer.parameters():
        nn.init.ones_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)
    return layer


# Sums of the line 1, 2, 3, … under a kernel of ones, computed by hand. The extra pixel of an odd padding is at the end.
@pytest.mark.parametrize(
    ("side", "kernel", "stride", "expected"),
    [
        (4, 3, 1, [1 + 2, 1 + 2 + 3, 2 + 3 + 4, 3 + 4]),  # one before, one after
        (4, 3, 2, [1 + 2 + 3, 3 + 4]),  # none before, one after
        (4, 5, 2, [1 + 2 + 3 + 4, 2 + 3 + 4]),  # one before, two after
        (5, 3, 2, [1 + 2, 2 + 3 + 4, 4 + 5]),  # one before, one after
        (4, 2, 2, [1 + 2, 3 + 4]),  # no padding
    ],
)
def test_same_convolution_along_a_line(side: int, kernel: int, stride: int, expected: list[int]) -> None:
    layer = ones(same_convolution(1, 1, kernel, stride, (side, side)))
    image = torch.zeros(1, 1, side, side)
    image[0, 0, side // 2] = torch.arange(1.0, side + 1)
    found = layer(image)[0, 0]
    assert found.shape == (-(-side // stride),) * 2
    assert [int(value) for value in found.max(dim=0).values] == expected


@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (5, 2), (4, 2), (3, 2), (3, 1), (7, 3)])
def test_a_same_transposed_convolution_is_the_transpose_of_the_same_convolution(kernel: int, stride: int) -> None:
    """<conv(x), y> = <x, transposed(y)> for the same kernel, which determines the position of the extra padding pixel."""
    side = 4 * stride
    down = same_convolution(1, 1, kernel, stride, (side, side))
    up = SameTransposedConvolution(1, 1, kernel, stride, bias=False)
    convolution = next(layer for layer in down.modules() if isinstance(layer, nn.Conv2d))
    nn.init.zeros_(convolution.get_parameter("bias"))
    up.weight.data.copy_(convolution.weight.data)
    x, y = torch.randn(1, 1, side, side), torch.randn(1, 1, 4, 4)
    assert up(y).shape == x.shape
    torch.testing.assert_close((down(x) * y).sum(), (x * up(y)).sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", [4, 5])
def test_a_transposed_convolutions_bias_is_added_to_every_pixel_and_learns(kernel: int) -> None:
    up = SameTransposedConvolution(2, 3, kernel, 2, bias=True)
    bias = up.get_parameter("bias")
    nn.init.zeros_(bias)
    maps = torch.randn(4, 2, 5, 5).contiguous(memory_format=torch.channels_last)
    without = up(maps)
    nn.init.constant_(bias[1:], 0.5)
    with_bias = up(maps)
    assert with_bias.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(with_bias, without + torch.tensor([0, 0.5, 0.5])[:, None, None])
    with_bias.sum().backward()
    assert bias.grad is not None
    assert bias.grad.tolist() == [4 * 10 * 10] * 3


def test_pixels_from_signed_to_unit_and_back() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0])
    assert ToUnit()(images).tolist() == [0.0, 0.5, 1.0]
    torch.testing.assert_close(ToUnit()(UnitSigmoid()(images)), images.sigmoid())


def test_spectral_norm_brings_the_largest_singular_value_to_one() -> None:
    network = nn.Sequential(nn.Linear(8, 5), nn.Linear(5, 3))
    nn.init.normal_(network[0].get_parameter("weight"), std=10)
    apply_spectral_norm(network)
    for _ in range(60):
        network(torch.randn(2, 8))
    assert torch.linalg.svdvals(network[0].weight)[0].item() == pytest.approx(1, abs=1e-3)
