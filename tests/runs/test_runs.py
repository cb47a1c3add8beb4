"""The run folder: creation, refusal and replacement; and records that are intact, truncated or damaged."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np
import pytest

from digitgan.errors import OutputError, RecipeError, RunError
from digitgan.recipes import find_recipe, with_settings
from digitgan.runs import RunFolder, free_run_path, history_line, locked, new_run, open_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run whose training has started."""
    run = new_run(tmp_path / "run", overwrite=False)
    run.write_recipe(find_recipe("fast"))
    run.write_record({"seed": 3, "status": "training", "versions": {"digitgan": "0.1.0"}})
    return run


def message_for(folder: Path) -> str:
    """Return the pattern of an error that names a folder and the option that chooses another one."""
    return f"{re.escape(str(folder))}: .*--out"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_gets_its_folder_and_those_above_it(tmp_path: Path) -> None:
    assert new_run(tmp_path / "deep" / "down" / "run", overwrite=False).path.is_dir()


def test_an_empty_folder_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert list(new_run(tmp_path / "run", overwrite=False).path.iterdir()) == []


def test_what_a_kill_in_the_first_write_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".run.json.77.part").write_text('{"se')
    assert contents(new_run(tmp_path, overwrite=False).path) == {}
    RunFolder(tmp_path).write_recipe(find_recipe("fast"))
    assert contents(new_run(tmp_path, overwrite=False).path) == {}
    (tmp_path / ".thesis.tex.77.part").write_text("not ours")
    with pytest.raises(OutputError, match=message_for(tmp_path)):
        new_run(tmp_path, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recipe_that_somebody_wrote_is_left_as_it_is(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "recipe.toml").write_text('base = "fast"\n')
    with pytest.raises(OutputError, match=message_for(tmp_path)):
        new_run(tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"recipe.toml": b'base = "fast"\n'}


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "one")
    with locked(run), pytest.raises(RunError, match="another process"), locked(run):
        pass
    with locked(run):
        assert list(run.path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=message_for(tmp_path)):
        new_run(tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_run_is_replaced_only_when_asked(run: RunFolder) -> None:
    for path in (run.model, run.best, run.scores, *run.report):
        path.write_text("of the old run")
    before = contents(run.path)
    with pytest.raises(OutputError, match=r"run: .*--resume.*--overwrite"):
        new_run(run.path, overwrite=False)
    assert contents(run.path) == before
    assert contents(new_run(run.path, overwrite=True).path) == {}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_is_refused(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match=r"file: .*--out"):
        new_run(tmp_path / "file", overwrite=overwrite)
    with pytest.raises(OutputError, match=r"file/run: .*--out"):
        new_run(tmp_path / "file" / "run", overwrite=overwrite)
    assert contents(tmp_path) == {"file": b"kept"}


def test_replacing_a_run_leaves_what_else_lies_in_its_folder(tmp_path: Path, run: RunFolder) -> None:
    (run.path / "thesis.txt").write_text("years of work")
    assert contents(new_run(run.path, overwrite=True).path) == {"thesis.txt": b"years of work"}


def test_a_file_called_like_a_record_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=message_for(tmp_path)):
        new_run(tmp_path, overwrite=True)
    assert set(contents(tmp_path)) == {"run.json", "thesis.txt"}


def test_damaged_lines_of_a_history_are_left_out(run: RunFolder) -> None:
    whole = [history_line({"images_seen": number, "seconds": math.nan}).encode() for number in (1, 2)]
    odd = history_line({"images_seen": "x"}).encode()
    unchecked, changed = b'{"images_seen": 1}\n', whole[0].replace(b"1", b"7", 1)
    lines = [whole[0], b"[]\n", b"{}\n", b"\xff\n", b"\n", odd, unchecked, changed, whole[1]]
    run.history.write_bytes(b"".join(lines) + b'{"images_se')
    assert [line["images_seen"] for line in run.read_history()] == [1, 2]


def test_a_run_is_known_by_its_record(run: RunFolder) -> None:
    assert open_run(run.path) == run


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json"):
        open_run(tmp_path)


def test_a_mistyped_run_is_told_from_those_beside_it(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"rum: .*'run'"):
        open_run(run.path.with_name("rum"))


def test_of_a_run_whose_record_is_damaged_it_is_said_what_can_still_be_done(run: RunFolder) -> None:
    run.model.touch()
    run.record.write_text("{")
    with pytest.raises(RunError, match=r"run\.json: .*digitgan sample .*model\.safetensors"):
        run.read_record()


def test_the_first_free_number_is_taken(tmp_path: Path) -> None:
    assert free_run_path(tmp_path, "fast", "mnist") == tmp_path / "fast-mnist-001"
    (tmp_path / "fast-mnist-001").mkdir()
    (tmp_path / "fast-mnist-002").write_text("")
    (tmp_path / "fast-mnist-004").mkdir()
    assert free_run_path(tmp_path, "fast", "mnist") == tmp_path / "fast-mnist-003"
    assert free_run_path(tmp_path, "fast", "digits") == tmp_path / "fast-digits-001"


def test_the_recipe_comes_back(run: RunFolder) -> None:
    recipe = with_settings(find_recipe("fast"), ["penalty.gamma=0.5", "generator.channels=[9, 5]"])
    run.write_recipe(recipe)
    assert run.read_recipe() == recipe


def test_a_damaged_or_missing_recipe_is_named(run: RunFolder) -> None:
    run.recipe.write_text("")
    with pytest.raises(RunError, match=r"recipe\.toml: .*name"):
        run.read_recipe()
    run.recipe.write_text("[penalty]\ngama = 1\n")
    with pytest.raises(RecipeError, match=r"recipe\.toml, line 2: .*'gamma'"):
        run.read_recipe()
    run.recipe.unlink()
    with pytest.raises(RunError, match=r"recipe\.toml: .*No such file"):
        run.read_recipe()


def test_the_record_comes_back(run: RunFolder) -> None:
    record = {"seed": 2**62, "status": "finished", "data": {"name": "ziffern – größer", "shape": [1, 28, 28]}}
    run.write_record(record)
    assert run.read_record() == record


@pytest.mark.parametrize("damaged", [b"", b'{"seed": 3', b"[]", b"\xff\xfe"])
def test_a_damaged_record_is_named(run: RunFolder, damaged: bytes) -> None:
    run.record.write_bytes(damaged)
    with pytest.raises(RunError, match=r"run\.json"):
        run.read_record()


def test_a_record_that_was_changed_is_named_and_the_cure_for_an_edit_works(run: RunFolder) -> None:
    run.write_record({"seed": 3, "status": "finished", "classes": (0, 1), "counts": {9: 1, 10: 2}})
    assert run.read_record()["seed"] == 3
    run.record.write_text(run.record.read_text().replace('"seed": 3', '"seed": 8'))
    with pytest.raises(RunError, match=r"run\.json: damaged .*checksum.*remove its line \"crc32\""):
        run.read_record()
    lines = [line for line in run.record.read_text().splitlines() if '"crc32"' not in line]
    run.record.write_text("\n".join(lines))
    assert run.read_record()["seed"] == 8


@pytest.mark.parametrize("damaged", [b"", b"\x93NUMPY", None])
def test_damaged_latents_of_the_previews_are_named(run: RunFolder, damaged: bytes | None) -> None:
    run.previews.mkdir(exist_ok=True)
    arrays = {run.preview_latents: np.zeros((2, 4), np.float32), run.preview_labels: np.arange(2)}
    for path, values in arrays.items():
        np.save(path, values)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in arrays}
    run.write_record({"status": "finished", "preview_sha256": sums})
    latents, labels = run.read_preview_latents()
    assert latents.shape == (2, 4)
    assert labels.tolist() == [0, 1]
    if damaged is None:
        np.save(run.preview_latents, np.ones((2, 4), np.float32))
    else:
        run.preview_latents.write_bytes(damaged)
    with pytest.raises(RunError, match=r"latents\.npy: damaged .*checksum.*resume"):
        run.read_preview_latents()


def test_a_run_without_a_history_has_no_lines(run: RunFolder) -> None:
    assert list(run.read_history()) == []


def test_a_last_line_that_was_cut_off_is_left_out(run: RunFolder) -> None:
    whole = history_line({"images_seen": 16}) + history_line({"images_seen": 32})
    for last in ("", '{"images_se'):
        run.history.write_text(whole + last)
        assert [line["images_seen"] for line in run.read_history()] == [16, 32]


def test_previews_are_in_the_order_they_were_made(run: RunFolder) -> None:
    run.previews.mkdir()
    for images_seen in (100_000_000, 64, 99_999_999, 12_800):  # the first has one digit more than the padding
        run.preview(images_seen).write_bytes(b"")
    (run.previews / ".00000064.png.77.part").write_bytes(b"")
    (run.previews / "mine.png").write_bytes(b"")
    assert [path.name for path in run.preview_files()] == ["00000064.png", "00012800.png", "99999999.png", "100000000.png"]


def test_a_run_without_previews_has_no_preview_files(run: RunFolder) -> None:
    assert run.preview_files() == []
