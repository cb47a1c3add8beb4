"""What a drawn set is worth: an evaluation of the set, or of blocks spread evenly over a large one, as a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from digitgan import evaluation
from digitgan.data import ProgressFn
from digitgan.evaluation import (
    EvaluationSource,
    baseline_count,
    cached_reference_statistics,
    check_source,
    classifier_for,
    evaluate,
    measure_tstr,
)
from digitgan.evaluation.card import set_card
from digitgan.evaluation.run import protocol_of, train_test_split
from digitgan.evaluation.summary import Chunk
from digitgan.generation.filtering import Filter, filtered
from digitgan.generation.request import SampleRequest, source_of
from digitgan.generation.set_plan import SetPlan
from digitgan.model.batching import side_by_side, spans
from digitgan.model.file import Model

MAX_IMAGES: Final = 10_000
"""Images of a set that are looked at: as many as an evaluation usually draws."""


def source_of_set(plan: SetPlan, model: Model, filters: Sequence[Filter]) -> EvaluationSource:
    """A set as what is evaluated: drawn once more, all of it or whole blocks spread evenly over it."""
    every = list(spans(0, plan.labelling.count))
    fewer = min(len(every), max(1, -(-MAX_IMAGES // len(every[0]))))
    chosen = [every[place] for place in np.linspace(0, len(every) - 1, fewer).round().astype(int)]
    draw = filtered(model, plan.seed, plan.truncation, filters, plan.labelling.of)
    by_class = len(plan.class_names) > 1

    def chunks() -> Iterator[Chunk]:
        for block in side_by_side(draw, chosen):
            yield block.images, block.labels if by_class else None

    facts = {
        "content_sha256": plan.model_sha256,
        "recipe": model.recipe.name,
        "trained_on": model.card.get("data", {}).get("name", "unknown images"),
        "drawn_with_seed": plan.seed,
    }
    spec = model.generator.spec
    shape = (spec.channels, spec.height, spec.width)
    return EvaluationSource(f"the set of {plan.model}", facts, sum(map(len, chosen)), chunks, shape, plan.class_names, by_class)


def check_statement(request: SampleRequest, plan: SetPlan, model: Model, notify: ProgressFn) -> None:
    """Refuse what can't be evaluated, before it is drawn.

    Raises:
        DigitganError: for too few images, or ones that don't go with the real ones.
    """
    check_source(source_of_set(plan, model, ()), train_test_split(source_of(request, model), request.data_dir, notify).training)


def statement(
    request: SampleRequest, plan: SetPlan, model: Model, filters: Sequence[Filter], facts: dict[str, Any], notify: ProgressFn
) -> str:
    """The card of a set.

    Args:
        request: what was asked for.
        plan: of the set.
        model: it is drawn from.
        filters: it was drawn with.
        facts: see `set_card`.
        notify: takes a line now and then.
    """
    split = train_test_split(source_of(request, model), request.data_dir, notify)
    known = classifier_for(split.training, notify)
    source = source_of_set(plan, model, filters)
    notify(f"evaluating {source.count:,} of the images …")
    real = cached_reference_statistics(
        known, split.training, split.held_out, baseline_count(source, split.training, split.held_out, "test"), notify
    )
    found = evaluate(source, split.training, split.held_out, known.classifier, "test", real)
    tstr = None
    if source.by_class:
        notify("training a classifier on the images, and one on real ones: about five minutes on two cores …")
        tstr = measure_tstr(source, split.training, split.held_out)
    record = evaluation.record(found, tstr, protocol_of(split, known), plan.command())
    return set_card(facts, record)
