"""The run folder: its layout, lock, creation and lookup."""

from __future__ import annotations

from digitgan.runs.create import check_out, free_run_path, is_locked, locked, new_run, open_run, remove_temporary_files
from digitgan.runs.folder import RunFolder, history_line

__all__ = [
    "RunFolder",
    "check_out",
    "free_run_path",
    "history_line",
    "is_locked",
    "locked",
    "new_run",
    "open_run",
    "remove_temporary_files",
]
