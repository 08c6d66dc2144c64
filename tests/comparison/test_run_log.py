"""The log of a run, whatever stands in it: what it shows is read, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

from made_up_runs import made_up

from imagenet_tools.comparison import progress, run_files, run_log, stored
from imagenet_tools.comparison.plan import make_plan
from imagenet_tools.comparison.report import curves
from imagenet_tools.comparison.results import judge

LOG = b"\n".join(
    [
        b'{"step": 10, "loss": 2.5, "epoch": 1}',
        *(b"[]", b"3", b"null", b"", b"{", b"\xff\xfe", 100_000 * b"[", 10_000 * b"9"),
        b'{"step": 20, "loss": NaN, "epoch": 1e400, "rate": "high", "top": {}, "n": -Infinity}',
        b'{"step": 30, "loss": null, "epoch": ' + 400 * b"9" + b"}",
        b'{"step": 40, "lo',  # cut by a kill
    ]
)


def test_the_finite_numbers_of_whole_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert [*run_log.lines(path)] == [*run_log.lines(tmp_path)] == []
    os.mkfifo(tmp_path / "pipe")
    assert [*run_log.lines(tmp_path / "pipe")] == []
    path.write_bytes(LOG)
    found = [{"step": 10, "loss": 2.5, "epoch": 1}, {"step": 20}, {"step": 30}]
    assert [*run_log.lines(path)] == found
    after = len(LOG) - LOG.index(b', "n": -Inf')  # from the midst of a line on
    assert [*run_log.lines(path, after)] == found[2:] and [*run_log.lines(path, 10)] == []


def test_a_damaged_log_is_shown_as_far_as_it_goes(tiny_records: Path, tmp_path: Path) -> None:
    made = make_plan(("alexnet", "inception"), tiny_records, seeds=2)
    for arm, seed in made.runs():
        made_up(made)(tmp_path, arm, seed)
        (run_files.run_folder(tmp_path, arm.slug, seed) / run_files.METRICS).write_bytes(LOG)
    (one, other) = judge(made, tmp_path).arms
    assert curves.validation_images(tmp_path, one) == 0
    curves.curves(tmp_path, (one, other))
    own = run_files.run_folder(tmp_path, "alexnet", 1)
    (own / run_files.RESULT).unlink()
    os.mkfifo(own / run_files.LOCK)
    os.mkfifo(tmp_path / stored.LOCK)
    assert not stored.carried_out(tmp_path)
    first = progress.states(made, tmp_path, made.runs())[0]
    assert (first.step, first.running, first.done) == (30, False, False)
