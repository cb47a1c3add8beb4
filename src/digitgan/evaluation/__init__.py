"""Evaluation: what drawn images are worth."""

from digitgan.evaluation.judge import Judge, class_accuracy, judge_features, judged_labels, load_judge, save_judge, train_judge
from digitgan.evaluation.metrics import coverage, frechet_distance

__all__ = [
    "Judge",
    "class_accuracy",
    "coverage",
    "frechet_distance",
    "judge_features",
    "judged_labels",
    "load_judge",
    "save_judge",
    "train_judge",
]
