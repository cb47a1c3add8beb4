"""Evaluation of generated images: metrics, the feature classifier, reference statistics and the report."""

from digitgan.evaluation.classifier import (
    CachedClassifier,
    class_accuracy,
    classifier_for,
    classify_images,
    load_classifier,
    predicted_labels,
    save_classifier,
)
from digitgan.evaluation.classifier_networks import FeatureClassifier
from digitgan.evaluation.classifier_training import train_classifier
from digitgan.evaluation.inception import Inception, InceptionMetrics, check_inception, measure_inception
from digitgan.evaluation.measure import (
    Evaluation,
    EvaluationSource,
    MetricResult,
    Reference,
    baseline_count,
    check_source,
    evaluate,
)
from digitgan.evaluation.metric_table import METRICS, MIN_IMAGES, Comparison, Metric, left_out_for
from digitgan.evaluation.metrics import FeatureMoments, frechet_distance, neighbourhoods
from digitgan.evaluation.reference import ReferenceStatistics, cached_reference_statistics, evenly, reference_statistics
from digitgan.evaluation.report import page, pictures, record, report_paths, write_report
from digitgan.evaluation.sources import held_out_count
from digitgan.evaluation.tstr import TrainOnSynthetic, check_tstr, measure_tstr

__all__ = [
    "METRICS",
    "MIN_IMAGES",
    "CachedClassifier",
    "Comparison",
    "Evaluation",
    "EvaluationSource",
    "FeatureClassifier",
    "FeatureMoments",
    "Inception",
    "InceptionMetrics",
    "Metric",
    "MetricResult",
    "Reference",
    "ReferenceStatistics",
    "TrainOnSynthetic",
    "baseline_count",
    "cached_reference_statistics",
    "check_inception",
    "check_source",
    "check_tstr",
    "class_accuracy",
    "classifier_for",
    "classify_images",
    "evaluate",
    "evenly",
    "frechet_distance",
    "held_out_count",
    "left_out_for",
    "load_classifier",
    "measure_inception",
    "measure_tstr",
    "neighbourhoods",
    "page",
    "pictures",
    "predicted_labels",
    "record",
    "reference_statistics",
    "report_paths",
    "save_classifier",
    "train_classifier",
    "write_report",
]
