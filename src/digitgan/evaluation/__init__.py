"""Evaluation: what drawn images are worth."""

from digitgan.evaluation.judge import Judge, class_accuracy, judged_labels, load_judge, save_judge, train_judge

__all__ = ["Judge", "class_accuracy", "judged_labels", "load_judge", "save_judge", "train_judge"]
