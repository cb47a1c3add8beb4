"""Metrics as pure functions of arrays, independent of image files, models and classifiers."""

from digitgan.evaluation.metrics.bootstrap import Interval, interval
from digitgan.evaluation.metrics.classification import ClassificationSummary, Labels, Probabilities
from digitgan.evaluation.metrics.frechet import FeatureMoments, Features, Vector, frechet_distance
from digitgan.evaluation.metrics.kernel import Estimate, kernel_distance, squared_mean_discrepancy
from digitgan.evaluation.metrics.neighbourhoods import Nearest, Neighbourhoods, nearest_images, neighbourhoods, radii
from digitgan.evaluation.metrics.speckles import speckled

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
    "speckled",
    "squared_mean_discrepancy",
]
