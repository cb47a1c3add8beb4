"""Metrics: pure functions of arrays. They know neither images' files nor models nor judges."""

from digitgan.evaluation.metrics.bootstrap import Interval, interval
from digitgan.evaluation.metrics.classification import ClassificationSummary
from digitgan.evaluation.metrics.frechet import FeatureMoments, frechet_distance
from digitgan.evaluation.metrics.interface import Features, Labels, Probabilities, Vector
from digitgan.evaluation.metrics.kernel import Estimate, kernel_distance, squared_mean_discrepancy
from digitgan.evaluation.metrics.memorisation import Nearest, nearest_images
from digitgan.evaluation.metrics.neighbourhoods import Neighbourhoods, neighbourhoods, radii

__all__ = [
    "ClassificationSummary",
    "Estimate",
    "FeatureMoments",
    "Features",
    "Interval",
    "Labels",
    "Nearest",
    "Neighbourhoods",
    "Probabilities",
    "Vector",
    "frechet_distance",
    "interval",
    "kernel_distance",
    "nearest_images",
    "neighbourhoods",
    "radii",
    "squared_mean_discrepancy",
]
