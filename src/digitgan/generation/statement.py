"""What a drawn set is worth: an evaluation of the set, or of blocks spread evenly over a large one, as a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from digitgan import evaluation
from digitgan.data import Say
from digitgan.evaluation import Subject, check_subject, evaluate, floor_count, judge_of, kept_real_side, measure_usefulness
from digitgan.evaluation.card import set_card
from digitgan.evaluation.run import halves_of, protocol_of
from digitgan.evaluation.summary import Portion
from digitgan.generation.filtering import Filter, filtered
from digitgan.generation.request import Order, source_of
from digitgan.generation.set_plan import SetPlan
from digitgan.model.batching import side_by_side, spans
from digitgan.model.file import Model

MOST: Final = 10_000
"""Images of a set that are looked at: as many as an evaluation usually draws."""


def subject_of_set(plan: SetPlan, model: Model, filters: Sequence[Filter]) -> Subject:
    """A set as what is evaluated: drawn once more, all of it or whole blocks spread evenly over it."""
    every = list(spans(0, plan.labelling.count))
    fewer = min(len(every), max(1, -(-MOST // len(every[0]))))
    chosen = [every[place] for place in np.linspace(0, len(every) - 1, fewer).round().astype(int)]
    draw = filtered(model, plan.seed, plan.truncation, filters, plan.labelling.of)
    by_class = len(plan.class_names) > 1

    def portions() -> Iterator[Portion]:
        for block in side_by_side(draw, chosen):
            yield block.images, block.labels if by_class else None

    facts = {
        "content_sha256": plan.model_sha256,
        "recipe": model.recipe.name,
        "trained_on": model.card.get("data", {}).get("name", "unknown images"),
        "drawn_with_seed": plan.seed,
    }
    form = model.generator.form
    shape = (form.channels, form.height, form.width)
    return Subject(f"the set of {plan.model}", facts, sum(map(len, chosen)), portions, shape, plan.class_names, by_class)


def check_statement(order: Order, plan: SetPlan, model: Model, say: Say) -> None:
    """Refuse what can't be evaluated, before it is drawn.

    Raises:
        DigitganError: for too few images, or ones that don't go with the real ones.
    """
    check_subject(subject_of_set(plan, model, ()), halves_of(source_of(order, model), order.data_dir, say).training)


def statement(order: Order, plan: SetPlan, model: Model, filters: Sequence[Filter], facts: dict[str, Any], say: Say) -> str:
    """The card of a set.

    Args:
        order: what was asked for.
        plan: of the set.
        model: it is drawn from.
        filters: it was drawn with.
        facts: see `set_card`.
        say: takes a line now and then.
    """
    halves = halves_of(source_of(order, model), order.data_dir, say)
    known = judge_of(halves.training, say)
    subject = subject_of_set(plan, model, filters)
    say(f"evaluating {subject.count:,} of the images …")
    real = kept_real_side(
        known, halves.training, halves.held_out, floor_count(subject, halves.training, halves.held_out, "test"), say
    )
    found = evaluate(subject, halves.training, halves.held_out, known.judge, "test", real)
    useful = None
    if subject.by_class:
        say("training a classifier on the images, and one on real ones: about five minutes on two cores …")
        useful = measure_usefulness(subject, halves.training, halves.held_out)
    record = evaluation.record(found, useful, protocol_of(halves, known), plan.command())
    return set_card(facts, record)
