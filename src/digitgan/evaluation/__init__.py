"""Evaluation: what drawn images are worth."""

from digitgan.evaluation.classifier import (
    Judge,
    class_accuracy,
    judge_images,
    judged_labels,
    load_judge,
    save_judge,
    train_judge,
)
from digitgan.evaluation.classifier_cache import KnownJudge, judge_of
from digitgan.evaluation.inception import Inception, InceptionFigures, check_inception, measure_inception
from digitgan.evaluation.measure import Evaluation, Figure, Reference, Subject, check_subject, evaluate, floor_count
from digitgan.evaluation.metric_table import FEWEST, METRICS, Comparison, Metric
from digitgan.evaluation.metrics import Moments, frechet_distance, neighbourhoods
from digitgan.evaluation.reference import RealSide, evenly, kept_real_side, real_side
from digitgan.evaluation.report import page, pictures, record, report_paths, write_report
from digitgan.evaluation.tstr import Usefulness, check_useful, measure_usefulness

__all__ = [
    "FEWEST",
    "METRICS",
    "Comparison",
    "Evaluation",
    "Figure",
    "Inception",
    "InceptionFigures",
    "Judge",
    "KnownJudge",
    "Metric",
    "Moments",
    "RealSide",
    "Reference",
    "Subject",
    "Usefulness",
    "check_inception",
    "check_subject",
    "check_useful",
    "class_accuracy",
    "evaluate",
    "evenly",
    "floor_count",
    "frechet_distance",
    "judge_images",
    "judge_of",
    "judged_labels",
    "kept_real_side",
    "load_judge",
    "measure_inception",
    "measure_usefulness",
    "neighbourhoods",
    "page",
    "pictures",
    "real_side",
    "record",
    "report_paths",
    "save_judge",
    "train_judge",
    "write_report",
]
