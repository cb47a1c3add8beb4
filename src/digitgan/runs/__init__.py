"""A run's folder: its layout, who holds it, how it is made and found."""

from __future__ import annotations

from digitgan.runs.folder import RunFolder
from digitgan.runs.holding import held, is_held
from digitgan.runs.lines import history_line
from digitgan.runs.making import check_out, free_run_path, new_run, open_run, sweep_run

__all__ = ["RunFolder", "check_out", "free_run_path", "held", "history_line", "is_held", "new_run", "open_run", "sweep_run"]
