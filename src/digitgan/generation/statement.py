"""The card of a generated set: an evaluation of the set, or of blocks spread evenly over a large one."""

from __future__ import annotations

import importlib.resources
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
from digitgan.evaluation.sources import protocol_of, train_test_split
from digitgan.evaluation.summary import Chunk
from digitgan.generation.plan import SetPlan, real_data
from digitgan.generation.rejection_sampling import Filter, rejection_sampler
from digitgan.model.batching import side_by_side, spans
from digitgan.model.file import Model
from digitgan.options import SampleOptions

MAX_STATEMENT_IMAGES: Final = 10_000
"""Maximum images of a set that are evaluated: the default number of an evaluation."""


def source_of_set(plan: SetPlan, model: Model, filters: Sequence[Filter]) -> EvaluationSource:
    """Return a set as the source of an evaluation; its images, or blocks spread evenly over it, are generated again."""
    every = list(spans(0, plan.labelling.count))
    fewer = min(len(every), max(1, -(-MAX_STATEMENT_IMAGES // len(every[0]))))
    chosen = [every[place] for place in np.linspace(0, len(every) - 1, fewer).round().astype(int)]
    draw = rejection_sampler(model, plan.seed, plan.truncation, filters, plan.labelling.of)
    by_class = len(plan.class_names) > 1

    def chunks() -> Iterator[Chunk]:
        for block in side_by_side(draw, chosen):
            yield block.images, block.labels if by_class else None

    facts = {
        "content_sha256": plan.model_sha256,
        "recipe": model.recipe.name,
        "trained_on": model.card.get("data", {}).get("name", "unknown images"),
        "sampling_seed": plan.seed,
    }
    spec = model.generator.spec
    shape = (spec.channels, spec.height, spec.width)
    return EvaluationSource(f"the set of {plan.model}", facts, sum(map(len, chosen)), chunks, shape, plan.class_names, by_class)


def check_statement(options: SampleOptions, plan: SetPlan, model: Model, notify: ProgressFn) -> None:
    """Check that a set can be evaluated, before it is generated.

    Raises:
        DigitganError: If the set has too few images, or they do not match the real ones in size or classes.
    """
    check_source(source_of_set(plan, model, ()), train_test_split(real_data(options, model), notify).training)


def statement(
    options: SampleOptions, plan: SetPlan, model: Model, filters: Sequence[Filter], facts: dict[str, Any], notify: ProgressFn
) -> str:
    """Evaluate a set and return its card.

    Args:
        options: The options of the set.
        plan: Plan of the set.
        model: The model that the set is sampled from.
        filters: Filters of the set.
        facts: See `set_card`.
        notify: Called with each log line.
    """
    split = train_test_split(real_data(options, model), notify)
    known = classifier_for(split.training, notify)
    source = source_of_set(plan, model, filters)
    notify(f"evaluating {source.count:,} images …")
    real = cached_reference_statistics(
        known, split.training, split.held_out, baseline_count(source, split.training, split.held_out, "test"), notify
    )
    found = evaluate(source, split.training, split.held_out, known.classifier, "test", real)
    tstr = None
    if source.by_class:
        notify("training one classifier on the generated images and one on real images (about five minutes on two cores) …")
        tstr = measure_tstr(source, split.training, split.held_out, notify)
    record = evaluation.record(found, tstr, protocol_of(split, known), plan.command())
    return set_card(facts, record)


SET_CARD_TEMPLATE: Final = "card.md.j2"


def set_card(facts: dict[str, Any], record: dict[str, Any]) -> str:
    """Return the data card of a generated image set as Markdown.

    Args:
        facts: the manifest of the set.
        record: the report of an evaluation of the set or of a part of it.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.4g}"
    environment.globals["share"] = lambda value: "–" if value is None else f"{value:.2%}"
    text = importlib.resources.files("digitgan.generation").joinpath(SET_CARD_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(set=facts, report=record) + "\n"
