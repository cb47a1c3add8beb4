"""Data sources (downloads, files, folders, embedded digits), the `ImageSet` that each is read into, and its batches."""

from __future__ import annotations

from digitgan.data.checks import count_warnings, warnings_about
from digitgan.data.class_sheet import class_sheet, undrawn_names
from digitgan.data.conversion.options import Conversion
from digitgan.data.conversion.pictures import open_upright, read_picture
from digitgan.data.data_request import DataRequest, with_filled_classes
from digitgan.data.image_set import SPLITS, ImageSet, Labels, Pixels, Split
from digitgan.data.loader import Batch, Batches, to_device
from digitgan.data.named.datasets import DATASETS, Dataset
from digitgan.data.named.download import fetch
from digitgan.data.named.loading import cache_folder, data_folder
from digitgan.data.named.publisher_layouts import CifarArchive, EmnistArchive, IdxFiles, Layout
from digitgan.data.named.remote import DatasetFile
from digitgan.data.named.sklearn_digits import sklearn_digits
from digitgan.data.notes import Notes
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.read_options import ReadOptions
from digitgan.data.readers.base import READING_OPTIONS, DataSource, Reader, Reading
from digitgan.data.readers.folders import read_folder
from digitgan.data.readers.idx import read_idx, read_idx_set, write_idx
from digitgan.data.readers.npz import read_npz
from digitgan.data.readers.parquet import read_parquet
from digitgan.data.readers.registry import READERS
from digitgan.data.sources import (
    SplitFacts,
    load_image_set,
    load_splits,
    split_facts,
    splits_of,
    with_effect,
)

__all__ = [
    "DATASETS",
    "READERS",
    "READING_OPTIONS",
    "SPLITS",
    "Batch",
    "Batches",
    "CifarArchive",
    "Conversion",
    "DataRequest",
    "DataSource",
    "Dataset",
    "DatasetFile",
    "EmnistArchive",
    "IdxFiles",
    "ImageSet",
    "Labels",
    "Layout",
    "Notes",
    "Pixels",
    "ProgressFn",
    "ReadOptions",
    "Reader",
    "Reading",
    "Split",
    "SplitFacts",
    "cache_folder",
    "class_sheet",
    "count_warnings",
    "data_folder",
    "fetch",
    "load_image_set",
    "load_splits",
    "open_upright",
    "read_folder",
    "read_idx",
    "read_idx_set",
    "read_npz",
    "read_parquet",
    "read_picture",
    "silent",
    "sklearn_digits",
    "split_facts",
    "splits_of",
    "to_device",
    "undrawn_names",
    "warnings_about",
    "with_effect",
    "with_filled_classes",
    "write_idx",
]
