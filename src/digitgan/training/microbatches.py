"""Microbatches: the parts of a step's batch, computed in parallel on the cores of a CPU.

A small convolution that is split among cores spends much of its time on synchronisation. The microbatches of a step run on one
core each, from the first layer to the last gradient, and synchronise only to average their gradients. With a single core or a
GPU, they run one after the other, which needs the memory of one microbatch (gradient accumulation).

Each microbatch has its own batch-norm statistics (ghost batch norm, Hoffer et al. 2017, section 4). The result depends on the
number of microbatches, which the recipe sets, but not on how many run in parallel.
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
from digitgan.networks.layers import seed_dropout
from digitgan.training.noise import StepNoise
from digitgan.training.penalties import LabelledImages
from digitgan.training.ranks import Ranks

Network = TypeVar("Network", bound=nn.Module)

_EXACT: Final = torch.float64
"""The type in which gradients are added.

It has room for the sum of a few float32 values, so that the order of the sum, and with it the number of processes, does not
change the step.
"""


@final
@dataclass
class Microbatch:
    """A part of a step's batch, with its networks.

    Attributes:
        generator: shares the weights of the trained generator, with its own gradients.
        discriminator: shares the weights of the trained discriminator, with its own gradients.
        batch: real images and their labels.
        noise: the part of the step's noise.
        real: the real images, in the precision of the fakes and at the current size of the discriminator.
        fake: the last images of the generator.
        real_logits: logits of the real images in the last update of the discriminator, without a graph.
    """

    generator: Generator
    discriminator: Discriminator
    batch: Batch
    noise: StepNoise
    real: LabelledImages
    fake: LabelledImages
    real_logits: Tensor | None = None

    def discriminator_inputs(self) -> tuple[LabelledImages, LabelledImages]:
        """Return the real images and the fakes that the discriminator learns from, without a graph to the generator."""
        real, fake = self.shared_inputs()
        return real, fake.detached()

    def generator_inputs(self) -> tuple[LabelledImages, LabelledImages]:
        """Return the real images and the fakes that the generator learns from."""
        numbers = self.noise.augmentation
        real, fake = (None, None) if numbers is None else (numbers.generator_real, numbers.generator_fake)
        return self.real.augmented_by(real), self.fake.augmented_by(fake)

    def shared_inputs(self) -> tuple[LabelledImages, LabelledImages]:
        """Return the real images and the fakes that both networks learn from in one pass."""
        numbers = self.noise.augmentation
        real, fake = (None, None) if numbers is None else (numbers.real, numbers.fake)
        return self.real.augmented_by(real), self.fake.augmented_by(fake)

    def resized_real(self) -> Tensor:
        """Return the pixels of the real images, in the precision of the fakes and at the current size."""
        images = to_network(self.batch.images).to(self.fake.images.dtype)
        return images if self.discriminator.growth is None else self.discriminator.growth.resized(images)


@final
class Microbatches:
    """Splits batches into microbatches, computes them, and averages their gradients and terms.

    Args:
        generator: trained generator, used by the first microbatch; its running statistics are kept.
        discriminator: trained discriminator, used by the first microbatch; its running statistics are kept.
        count: number of microbatches of a batch; 1 leaves the batch whole.
        device: device of the networks.
        ranks: processes that share the microbatches equally; None for a single process.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, count: int, device: torch.device, ranks: Ranks | None = None
    ) -> None:
        self.count = count
        self.device = device
        self.ranks = ranks
        self.own = range(count) if ranks is None else ranks.share_of(count)
        self.generators = [generator, *(_twin(generator) for _ in self.own[1:])]
        self.discriminators = [discriminator, *(_twin(discriminator) for _ in self.own[1:])]
        self._alone = count > 1 and device.type == "cpu"  # the number of threads changes the rounding of sums
        at_once = min(len(self.own), torch.get_num_threads()) if device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(at_once, "microbatch", torch.set_num_threads, (1,)) if at_once > 1 else None

    def split(self, batch: Batch, noise: StepNoise) -> list[Microbatch]:
        """Split a batch and its noise into microbatches of equal size, and return those of this process."""
        nothing = LabelledImages(torch.empty(0), torch.empty(0))
        images, labels = batch.images.chunk(self.count), batch.labels.chunk(self.count)
        noises = noise.split(self.count)
        networks = list(zip(self.own, self.generators, self.discriminators, strict=True))
        if self.count > 1:  # a whole batch takes its masks from the generator that the trainer seeds
            for part, _, discriminator in networks:
                seed_dropout(discriminator, noises[part].dropout_seed, self.device)
        return [
            Microbatch(generator, discriminator, Batch(images[part], labels[part]), noises[part], nothing, nothing)
            for part, generator, discriminator in networks
        ]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Compute on one thread while the context is active, so that results do not depend on the number of cores."""
        with one_thread() if self._alone else contextlib.nullcontext():
            yield

    def each(self, learn: Callable[[Microbatch], dict[str, Tensor]], parts: Sequence[Microbatch]) -> dict[str, Tensor]:
        """Call `learn` on each microbatch, which computes its gradients, and return the means of the returned terms."""
        found = list(map(learn, parts) if self._pool is None else self._pool.map(learn, parts))
        if self.count == 1:
            return found[0]
        values = [torch.stack([term.detach().to(_EXACT) for term in terms.values()]) for terms in found]
        return dict(zip(found[0], self._mean(values).float().unbind(), strict=True))

    def average(self, networks: Sequence[nn.Module]) -> None:
        """Store the mean of the gradients of the networks on all ranks in the first network."""
        if self.count == 1:
            return
        gradients = [[weight.grad for weight in trained(network) if weight.grad is not None] for network in networks]
        mean = self._mean([torch.cat([gradient.reshape(-1).to(_EXACT) for gradient in own]) for own in gradients])
        parts = torch.split(mean, [gradient.numel() for gradient in gradients[0]])
        for gradient, part in zip(gradients[0], parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _mean(self, values: Sequence[Tensor]) -> Tensor:
        """Return the mean over the microbatches of all ranks."""
        total = torch.stack(list(values)).sum(0) if len(values) > 1 else values[0]
        return (total if self.ranks is None else self.ranks.sum_of(total)) / self.count


def trained(network: nn.Module) -> Iterator[nn.Parameter]:
    """Return the trainable parameters of a network."""
    return (weight for weight in network.parameters() if weight.requires_grad)


def backward_into(network: nn.Module, total: Tensor, *, again: bool = False) -> None:
    """Compute the gradient of `total` for the parameters of one network only.

    Args:
        network: network whose gradients are replaced.
        total: scalar with a graph.
        again: keep the graph for another call.
    """
    weights = list(trained(network))
    for weight in weights:
        weight.grad = None
    total.backward(inputs=weights, retain_graph=again)  # type: ignore[no-untyped-call]


def _twin(network: Network) -> Network:
    """Return a copy of a network that shares the memory of its weights, with its own gradients and buffers."""
    weights = {id(weight): nn.Parameter(weight.detach(), weight.requires_grad) for weight in network.parameters()}
    return copy.deepcopy(network, weights)
