"""What a comparison says: a table of means and spreads, and words about which differences are more than luck."""

from __future__ import annotations

import itertools
import statistics
import warnings
from collections.abc import Sequence
from typing import Final

from scipy import stats

from digitgan.comparing.entries import Entry, groups
from digitgan.evaluation import METRICS
from digitgan.runs import RunFolder

COMPARED: Final = ("class_accuracy", "frechet_distance", "coverage")
"""Of all figures, those of the table; the reports have the others."""

LUCK: Final = 0.05
"""A difference that comes about more often than this where there is none is called luck."""


def table(entries: Sequence[Entry]) -> str:
    """Markdown: a line each, means and standard deviations over seeds, and real images below."""
    titles = {metric.name: metric.title for metric in METRICS}
    rows = [
        "| | seeds | seconds | " + " | ".join(titles[name] for name in COMPARED) + " |",
        "|---" * (3 + len(COMPARED)) + "|",
    ]
    for name, group in groups(entries).items():
        seconds = [RunFolder(entry.run).read_record().get("seconds") for entry in group]
        cells = [_spread([value for value in seconds if value is not None])]
        cells += [_spread([value for entry in group if (value := entry.figure(figure)) is not None]) for figure in COMPARED]
        rows.append(f"| {name} | {len(group)} | {' | '.join(cells)} |")
    floors = [entries[0].record["figures"][name]["floor"] for name in COMPARED]
    rows.append("| real images | | | " + " | ".join("–" if floor is None else f"{floor:.4g}" for floor in floors) + " |")
    return "\n".join(rows)


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    mean = statistics.mean(values)
    return f"{mean:.4g} ± {statistics.stdev(values):.2g}" if len(values) > 1 else f"{mean:.4g}"


def words_about(entries: Sequence[Entry]) -> list[str]:
    """What can be said of each pair and figure: Welch's t-test over the seeds."""
    metrics = {metric.name: metric for metric in METRICS}
    words = []
    for one, other in itertools.combinations(groups(entries).items(), 2):
        for name in COMPARED:
            pair = [[value for entry in group if (value := entry.figure(name)) is not None] for _, group in (one, other)]
            if not all(pair):
                continue
            means = [statistics.mean(values) for values in pair]
            first_better = (means[0] > means[1]) == (metrics[name].better == "higher")
            better, worse = (one[0], other[0]) if first_better else (other[0], one[0])
            title = metrics[name].title
            if means[0] == means[1]:
                words.append(f"{title}: {one[0]} and {other[0]} come out the same.")
            elif min(map(len, pair)) < 2:
                words.append(
                    f"{title}: {better} comes out better than {worse}, by one seed, which does not tell luck from more."
                )
            else:
                chance = _chance(*pair)
                verdict = (
                    "more than the spread over seeds explains" if chance < LUCK else "which the spread over seeds may explain"
                )
                words.append(
                    f"{title}: {better} comes out better than {worse} by {abs(means[0] - means[1]):.3g}, {verdict} "
                    f"(Welch's t-test, p = {chance:.2g})."
                )
    return words


def _chance(first: list[float], second: list[float]) -> float:
    """The p-value of Welch's t-test; without any spread, a difference is none of chance."""
    if max(map(statistics.pvariance, (first, second))) < 1e-24:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one of them without spread, which the test can take
        return float(stats.ttest_ind(first, second, equal_var=False).pvalue)
