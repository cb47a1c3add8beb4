"""The options of each command: one dataclass a command.

The command line, the Python API and the studio share these classes. A new option is a new field.
"""

from digitgan.options.base import (
    TYPE_NAMES,
    DataDir,
    Device,
    Fields,
    Flag,
    Json,
    ModelName,
    Options,
    Out,
    Overwrite,
    PerClassLimit,
    Quiet,
    Seed,
    Show,
    Unset,
    arguments_of,
    fill_in_tables,
    help_of,
    join_names,
    make_options,
    split_names,
    takes_options,
)
from digitgan.options.data import DataOptions, options_of_data
from digitgan.options.generation import InvertOptions, SampleOptions, WalkOptions, WriteOptions
from digitgan.options.models import EvaluateOptions, ExportOptions, ImportOptions
from digitgan.options.training import CompareOptions, TrainOptions

__all__ = [
    "TYPE_NAMES",
    "CompareOptions",
    "DataDir",
    "DataOptions",
    "Device",
    "EvaluateOptions",
    "ExportOptions",
    "Fields",
    "Flag",
    "ImportOptions",
    "InvertOptions",
    "Json",
    "ModelName",
    "Options",
    "Out",
    "Overwrite",
    "PerClassLimit",
    "Quiet",
    "SampleOptions",
    "Seed",
    "Show",
    "TrainOptions",
    "Unset",
    "WalkOptions",
    "WriteOptions",
    "arguments_of",
    "fill_in_tables",
    "help_of",
    "join_names",
    "make_options",
    "options_of_data",
    "split_names",
    "takes_options",
]
