"""Data sources (downloads, files, folders, embedded digits), the `ImageSet` that each is read into, and its batches."""

from __future__ import annotations

from digitgan.data.datasets import DATASETS, Dataset
from digitgan.data.digits import embedded_digits
from digitgan.data.download import fetch
from digitgan.data.folders import read_folder
from digitgan.data.idx import read_idx, read_idx_set, write_idx
from digitgan.data.image_set import SPLITS, ImageSet, Labels, Pixels, Split
from digitgan.data.layouts import CifarArchive, EmnistArchive, IdxFiles, Layout
from digitgan.data.loader import Batch, Batches, to_device
from digitgan.data.named import cache_folder, data_folder
from digitgan.data.npz import read_npz
from digitgan.data.parquet import read_parquet
from digitgan.data.pictures import read_picture
from digitgan.data.progress import ProgressFn, silent
from digitgan.data.readers import READERS, DataSource
from digitgan.data.remote import DatasetFile
from digitgan.data.sources import (
    DataRequest,
    SplitFacts,
    load_image_set,
    splits_of,
    verify,
)

__all__ = [
    "DATASETS",
    "READERS",
    "SPLITS",
    "Batch",
    "Batches",
    "CifarArchive",
    "DataRequest",
    "DataSource",
    "Dataset",
    "DatasetFile",
    "EmnistArchive",
    "IdxFiles",
    "ImageSet",
    "Labels",
    "Layout",
    "Pixels",
    "ProgressFn",
    "Split",
    "SplitFacts",
    "cache_folder",
    "data_folder",
    "embedded_digits",
    "fetch",
    "load_image_set",
    "read_folder",
    "read_idx",
    "read_idx_set",
    "read_npz",
    "read_parquet",
    "read_picture",
    "silent",
    "splits_of",
    "to_device",
    "verify",
    "write_idx",
]
