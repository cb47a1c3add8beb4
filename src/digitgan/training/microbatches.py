"""A step's batch in parts that are taken by themselves: micro-batches, several at once on a CPU's cores.

One small convolution, shared out among cores, spends much of its time on the sharing. Two halves of a batch, each on a core of
its own from the first layer to the last gradient, share nothing until their gradients are averaged. Where there is one core, or
a GPU, they take turns, which needs the memory of one micro-batch: gradient accumulation.

Each has batch-norm statistics of its own (Hoffer et al. 2017, section 4: ghost batch norm). What comes out depends on how many
parts there are, which is the recipe's, and not on how many of them are taken at once.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar, final

import torch
from torch import Tensor, nn

from digitgan.data import Batch
from digitgan.device import one_thread
from digitgan.images import to_network
from digitgan.networks import Discriminator, Generator
from digitgan.training.noise import StepNoise
from digitgan.training.penalties import LabelledImages
from digitgan.training.ranks import Ranks

Network = TypeVar("Network", bound=nn.Module)

_EXACT: Final = torch.float64
"""In what gradients are added up. A sum of a few float32 numbers has room in it, so that it is the same in any order: one
process or many take the same step."""


@final
@dataclass
class Microbatch:
    """A part of a step's batch, and the networks that it passes.

    Attributes:
        generator: with the weights of the one that learns, and gradients of its own.
        discriminator: likewise.
        batch: real images and their labels.
        noise: the part's share of what the step draws.
        fake: what the generator drew last.
    """

    generator: Generator
    discriminator: Discriminator
    batch: Batch
    noise: StepNoise
    fake: LabelledImages

    @property
    def real(self) -> LabelledImages:
        """The real images as the networks take them, in the precision of the fakes."""
        return LabelledImages(to_network(self.batch.images).to(self.fake.images.dtype), self.batch.labels)


@final
class Microbatches:
    """Splits batches, passes the parts through the networks, and averages what comes of it.

    Args:
        generator: the one that learns; it is the first part's, whose running statistics are the ones that are kept.
        discriminator: likewise.
        count: parts of each batch; 1: the batch as it is.
        device: where they are computed.
        ranks: the processes among which the parts are shared out, as many to each; None where there is one.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, count: int, device: torch.device, ranks: Ranks | None = None
    ) -> None:
        self.count = count
        self.ranks = ranks
        self.own = range(count) if ranks is None else ranks.share_of(count)
        self.generators = [generator, *(_twin(generator) for _ in self.own[1:])]
        self.discriminators = [discriminator, *(_twin(discriminator) for _ in self.own[1:])]
        self._alone = count > 1 and device.type == "cpu"  # how sums round depends on how many threads share them
        at_once = min(len(self.own), torch.get_num_threads()) if device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(at_once, "microbatch", torch.set_num_threads, (1,)) if at_once > 1 else None

    def split(self, batch: Batch, noise: StepNoise) -> list[Microbatch]:
        """This process's parts of a batch and of what is drawn for it, as many images in each."""
        nothing = LabelledImages(torch.empty(0), torch.empty(0))
        images, labels = batch.images.chunk(self.count), batch.labels.chunk(self.count)
        noise_source = noise.split(self.count)
        networks = zip(self.own, self.generators, self.discriminators, strict=True)
        return [
            Microbatch(generator, discriminator, Batch(images[part], labels[part]), noise_source[part], nothing)
            for part, generator, discriminator in networks
        ]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """While it lasts, what isn't done part by part is done by one thread, as parts are: the same on any number of cores."""
        with one_thread() if self._alone else contextlib.nullcontext():
            yield

    def each(self, learn: Callable[[Microbatch], dict[str, Tensor]], parts: Sequence[Microbatch]) -> dict[str, Tensor]:
        """Let each part leave its gradients; returns the means of the terms that `learn` gives."""
        found = list(map(learn, parts) if self._pool is None else self._pool.map(learn, parts))
        if self.count == 1:
            return found[0]
        values = [torch.stack([term.detach().to(_EXACT) for term in terms.values()]) for terms in found]
        return dict(zip(found[0], self._mean(values).float().unbind(), strict=True))

    def average(self, networks: Sequence[nn.Module]) -> None:
        """Give the first of these networks the mean of the gradients that all of them, on all ranks, were left with."""
        if self.count == 1:
            return
        gradients = [[weight.grad for weight in trained(network) if weight.grad is not None] for network in networks]
        mean = self._mean([torch.cat([gradient.reshape(-1).to(_EXACT) for gradient in own]) for own in gradients])
        parts = torch.split(mean, [gradient.numel() for gradient in gradients[0]])
        for gradient, part in zip(gradients[0], parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _mean(self, values: Sequence[Tensor]) -> Tensor:
        """The mean over all parts, on all ranks."""
        total = torch.stack(list(values)).sum(0) if len(values) > 1 else values[0]
        return (total if self.ranks is None else self.ranks.sum_of(total)) / self.count


def trained(network: nn.Module) -> Iterator[nn.Parameter]:
    """The weights of a network that an optimiser has in hand."""
    return (weight for weight in network.parameters() if weight.requires_grad)


def backward_into(network: nn.Module, total: Tensor, *, again: bool = False) -> None:
    """Leave the gradient of `total` in a network's weights, and in no others; `again`: its graph will be used once more."""
    weights = list(trained(network))
    for weight in weights:
        weight.grad = None
    total.backward(inputs=weights, retain_graph=again)  # type: ignore[no-untyped-call]


def _twin(network: Network) -> Network:
    """A network with the same weights, in the same memory, but with gradients and buffers of its own."""
    weights = {id(weight): nn.Parameter(weight.detach(), weight.requires_grad) for weight in network.parameters()}
    return copy.deepcopy(network, weights)
