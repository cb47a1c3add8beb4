"""The statistics of a comparison: a table of means and standard deviations, and significance tests of the differences."""

from __future__ import annotations

import itertools
import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from digitgan.comparison.entries import Entry, groups
from digitgan.evaluation import METRICS

COMPARED: Final = ("class_accuracy", "frechet_distance", "coverage")
"""The metrics in the table; the reports of the runs contain the others."""

UNEVEN: Final = 0.005
"""Difference of class accuracy and balanced accuracy from which the table has both: the classes are uneven."""


def compared_metrics(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the names of the metrics in the table: `COMPARED`, and the balanced accuracy where it differs."""
    pairs = [(entry.metric("class_accuracy"), entry.metric("balanced_accuracy")) for entry in entries]
    differ = any(one is not None and two is not None and abs(one - two) > UNEVEN for one, two in pairs)
    return (COMPARED[0], "balanced_accuracy", *COMPARED[1:]) if differ else COMPARED


SIGNIFICANCE_LEVEL: Final = 0.05
"""The significance level: a difference with a smaller corrected p-value is called significant."""


def baseline(entries: Sequence[Entry], name: str) -> float | None:
    """Return the real baseline of a metric, which is the same for all entries, or None if no entry has it."""
    baselines = [entry.record["metrics"].get(name, {}).get("baseline") for entry in entries if entry.record is not None]
    return next((value for value in baselines if value is not None), None)


def table(entries: Sequence[Entry]) -> str:
    """Return a Markdown table of means and standard deviations over seeds, with the real baseline in the last row."""
    titles = {metric.name: metric.title for metric in METRICS.values()}
    compared = compared_metrics(entries)
    rows = [
        "| | seeds | images seen | seconds | " + " | ".join(titles[name] for name in compared) + " |",
        "|---" * (4 + len(compared)) + "|",
    ]
    for name, group in groups(entries).items():
        others = [entry.status for entry in group if entry.status != "finished"]
        evaluated = sum(entry.record is not None for entry in group)
        seeds = str(len(group)) if evaluated == len(group) else f"{evaluated} of {len(group)}"
        seeds += f" ({', '.join(others)})" if others else ""
        cells = [_spread([entry.images_seen for entry in group], ",.0f"), _spread([entry.seconds for entry in group], ".4g")]
        cells += [_spread(_values(group, metric), ".4g") for metric in compared]
        rows.append(f"| {name} | {seeds} | {' | '.join(cells)} |")
    baselines = [baseline(entries, name) for name in compared]
    rows.append("| real baseline | | | | " + " | ".join("–" if value is None else f"{value:.4g}" for value in baselines) + " |")
    return "\n".join(rows)


def _values(group: Sequence[Entry], name: str) -> list[float]:
    return [value for entry in group if (value := entry.metric(name)) is not None]


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return "–"
    mean = format(statistics.mean(values), form)
    return f"{mean} ± {statistics.stdev(values):.2g}" if len(set(values)) > 1 else mean


@final
@dataclass(frozen=True)
class _Difference:
    """The difference of two recipes or runs in one metric.

    Attributes:
        title: the title of the metric.
        better: the name of the entry with the better mean.
        worse: the name of the other entry.
        by: the absolute difference of the means.
        chance: the p-value; None if one of them has a single seed.
    """

    title: str
    better: str
    worse: str
    by: float
    chance: float | None


def difference_sentences(entries: Sequence[Entry]) -> list[str]:
    """Return a sentence for each pair and metric: Welch's t-test over the seeds, with Holm's correction."""
    differences = list(_differences(entries))
    tests = sum(difference.chance is not None for difference in differences)
    sentences = []
    for difference, chance in zip(differences, _holm([difference.chance for difference in differences]), strict=True):
        if difference.by == 0:
            sentences.append(f"{difference.title}: {difference.better} and {difference.worse} are equal.")
            continue
        beginning = f"{difference.title}: {difference.better} is better than {difference.worse} by {difference.by:.3g}"
        if chance is None:
            sentences.append(f"{beginning}, not tested with a single seed.")
            continue
        conclusion = "significant" if chance < SIGNIFICANCE_LEVEL else "not significant"
        how = f"Welch's t-test, p = {chance:.2g}" + (f" after Holm's correction for {tests} tests" if tests > 1 else "")
        sentences.append(f"{beginning}, {conclusion} ({how}).")
    return sentences


def _differences(entries: Sequence[Entry]) -> Iterator[_Difference]:
    metrics = {metric.name: metric for metric in METRICS.values()}
    for one, other in itertools.combinations(groups(entries).items(), 2):
        for name in compared_metrics(entries):
            pair = [_values(group, name) for _, group in (one, other)]
            if not all(pair):
                continue
            means = [statistics.mean(values) for values in pair]
            first_better = means[0] == means[1] or (means[0] > means[1]) == (metrics[name].better == "higher")
            better, worse = (one[0], other[0]) if first_better else (other[0], one[0])
            chance = _chance(*pair) if min(map(len, pair)) > 1 else None
            yield _Difference(metrics[name].title, better, worse, abs(means[0] - means[1]), chance)


def _holm(chances: list[float | None]) -> list[float | None]:
    """Correct p-values for multiple tests (Holm 1979): multiply the smallest by n, the next by n - 1, and so on."""
    tested = sorted((chance, place) for place, chance in enumerate(chances) if chance is not None)
    corrected: list[float | None] = [None] * len(chances)
    largest = 0.0
    for rank, (chance, place) in enumerate(tested):
        largest = max(largest, min(1.0, chance * (len(tested) - rank)))
        corrected[place] = largest
    return corrected


def _chance(first: list[float], second: list[float]) -> float:
    """Return the p-value of Welch's t-test; without any variance, 0 if the means differ and 1 if they are equal."""
    if max(map(statistics.pvariance, (first, second))) < 1e-24:
        return 0.0 if statistics.mean(first) != statistics.mean(second) else 1.0
    from scipy import stats  # imported here, since it takes half a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy warns if one sample has no variance, but the result is valid
        return float(stats.ttest_ind(first, second, equal_var=False).pvalue)
