"""What is typed wrong: exit code 2, one line that names it, and no wait for TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Command line, and what its error names. PLACES: DATA a folder of records, EMPTY an empty folder,
# FILE a text file, HUGE a recipe, PIPE a fifo that nobody writes to, RUN has a checkpoint; NOSUCH
# is nowhere.
TABLE = """
train --data NOSUCH --train-dir run                              | NOSUCH
train --data EMPTY --train-dir run                               | EMPTY holds no imgtools_manifest
train --data FILE --train-dir run                                | FILE
train --data DATA --train-dir FILE                               | FILE
train --data DATA                                                | --train-dir
train --data DATA --train-dir run --epochs -1                    | epochs is -1.0
train --data DATA --train-dir run --epochs nan                   | epochs is nan
train --data DATA --train-dir run --batch-size 0                 | batch_size is 0
train --data DATA --train-dir run --seed 99999999999             | --seed
train --data DATA --train-dir run --save-interval-secs nan       | --save-interval-secs
train --data DATA --train-dir run --recipe NOSUCH                | NOSUCH
train --data DATA --train-dir run --recipe FILE                  | FILE, line 1
train --data DATA --train-dir run --preprocessing incepton       | Did you mean inception
train --data DATA --train-dir run --checkpoint-path NOSUCH       | NOSUCH
train --data DATA --train-dir run --plugin NOSUCH                | NOSUCH
train --data DATA --train-dir run --bacth-size 8                 | --batch-size
eval --data NOSUCH --checkpoint EMPTY                            | NOSUCH
eval --data DATA --checkpoint NOSUCH                             | NOSUCH
eval --data DATA --checkpoint NOSUCH.zip                         | NOSUCH.zip
eval --data DATA --checkpoint EMPTY                              | EMPTY holds no checkpoint
eval --data DATA --checkpoint RUN --split test                   | no split 'test'; it has train
eval --data DATA --checkpoint RUN --image-size 0                 | --image-size
eval --data DATA --checkpoint RUN --batch-size 99999999999       | is above 2,147,483,647
train --data DATA --train-dir run --max-number-of-steps 9999999999 | is above 2,147,483,647
train --data DATA --train-dir run --recipe HUGE                  | from 1 to 2,147,483,647
train --data DATA --train-dir s3:/bucket/run                     | s3://bucket/run has two sl
eval --data DATA --checkpoint RUN --predictions out.csv          | out.csv does not end in .npz
predict NOSUCH.jpg --checkpoint EMPTY                            | NOSUCH.jpg
predict FILE --checkpoint NOSUCH                                 | NOSUCH
predict FILE --checkpoint EMPTY --data EMPTY                     | EMPTY holds no
export --checkpoint NOSUCH --out out                             | NOSUCH
compare-preproc                                                  | two pipelines or more
compare-preproc alexnet                                          | two pipelines or more
compare-preproc alexnet incepton                                 | Did you mean inception
compare-preproc alexnet vgg+incepton.colour                      | Did you mean inception
compare-preproc alexnet vgg --data EMPTY                         | EMPTY holds no imgtools_manifest
compare-preproc alexnet vgg --epochs -1                          | --epochs
compare-preproc alexnet vgg --epochs inf                         | --epochs
compare-preproc alexnet vgg --margin nan                         | --margin
compare-preproc alexnet vgg --recipe NOSUCH                      | NOSUCH
compare-preproc alexnet vgg --config NOSUCH                      | NOSUCH
compare-preproc alexnet vgg --config FILE                        | FILE, line 1
compare-preproc alexnet vgg --run-slice 3/2 --data DATA          | --run-slice
compare-preproc alexnet vgg --run-slice 0/2                      | --run-slice needs --data
compare-preproc alexnet vgg --address x                          | --address
compare-preproc alexnet vgg --batch-size 32                      | field of a recipe: --recipe FILE
compare-preproc alexnet vgg --image-size 1                       | --image-size
compare-runs                                                     | --a
compare-runs NOSUCH                                              | NOSUCH
compare-runs EMPTY --margin -1                                   | --margin
compare-runs --a NOSUCH --b FILE                                 | NOSUCH
diagnose alexnet --data EMPTY                                    | EMPTY holds no
diagnose alexnet --recipe NOSUCH                                 | NOSUCH
diagnose incepton                                                | Did you mean inception
diagnose alexnet --mute upside-dwn                               | Did you mean upside-down
diagnose alexnet --out FILE                                      | FILE is no .html file
describe-model alexnet_v3                                        | Did you mean alexnet_v2
train --data DATA --train-dir run --model alexnet                | no net 'alexnet'. Did
eval --data DATA --checkpoint RUN --model NOSUCH                 | no net 'NOSUCH'
check-preproc incepton                                           | Did you mean inception
check-preproc alexnet:lightning=0                                | Did you mean lighting
describe-preproc incepton                                        | Did you mean inception
describe-preproc alexnet,inception                               | apart by spaces
compare-preproc inception vgg:resize_side_min=600                | resize_side_min=600 is above
describe-preproc inception:area_min=0.5,area_max=0.1             | area_max, which is 0.1
describe-preproc timm:antialias=0                                | antialias=0 goes with bilinear
describe-preproc inception:fast_mode=0,antialias=1               | no effect on fast_mode=0
describe-preproc alexnet:mean=grey                               | a file FILE.npy with the mean
describe-preproc alexnet+randaugment:n=100000                    | a whole number from 0 to
describe-preproc alexnet +randaugment                            | alexnet+randaugment
describe-preproc FILE                                            | a plug-in behind --plugin
preview alexnet --image NOSUCH --out sheet.png                   | NOSUCH
preview alexnet --image FILE --out sheet.jpg                     | sheet.jpg is no .png or .html
preview alexnet --image FILE --out NOSUCH/sheet.png              | there is no folder NOSUCH
explain-draw alexnet --image NOSUCH                              | NOSUCH
watch NOSUCH                                                     | NOSUCH
finalize NOSUCH                                                  | NOSUCH
finalize EMPTY                                                   | EMPTY
list-runs NOSUCH                                                 | NOSUCH
plan --difference nan                                            | --difference
inspect NOSUCH                                                   | NOSUCH
verify-tfrecords NOSUCH                                          | NOSUCH
repair-tfrecords DATA --raw NOSUCH                               | NOSUCH
build-tfrecords --raw NOSUCH --out out                           | NOSUCH
build-tfrecords --raw EMPTY --out out                            | EMPTY: no known layout
build-tfrecords --raw EMPTY --out FILE                           | FILE
describe-records EMPTY                                           | EMPTY holds no
slim-run NOSUCH.py                                               | NOSUCH.py
slim-run FILE                                                    | no TF-Slim checkout
slim-patch NOSUCH                                                | NOSUCH
new-pipeline 3x                                                  | 3x
new-pipeline alexnet                                             | pipeline 'alexnet' already
verify-tfrecords FILE                                            | FILE
repair-tfrecords FILE --raw EMPTY                                | FILE
describe-records FILE                                            | FILE
plan --difference 200                                            | above 0, at most 100
train --preproc alexnet                                          | Did you mean --preprocessing
train --learning-rat 1                                           | Did you mean --learning-rate
train --lr 0.1                                                   | No such option '--lr'. See
train --data DATA --train-dir run --trainable-scopes ,            | ',' names no scope
train --data DATA --train-dir run extra                          | (extra). See
plan --difference 1 --images 49                                  | takes 50 images or more
predict PIPE --checkpoint RUN                                    | PIPE: it is a fifo
preview alexnet --image PIPE --out sheet.png                     | PIPE: it is a fifo
explain-draw alexnet --image PIPE                                | PIPE: it is a fifo
check-preproc mine --plugin PIPE                                 | PIPE: it is a fifo
compare-preproc alexnet vgg --config PIPE                        | PIPE: it is a fifo
compare-preproc alexnet vgg --recipe PIPE                        | PIPE
train --data DATA --train-dir run --recipe PIPE                  | PIPE
train --data DATA --train-dir run --checkpoint-path PIPE         | PIPE: it is a fifo
eval --data DATA --checkpoint PIPE                               | PIPE: it is a fifo
compare-runs PIPE                                                | PIPE: it is a fifo
compare-runs --a PIPE --b FILE                                   | PIPE: it is a fifo
inspect PIPE                                                     | PIPE: it is a fifo
build-tfrecords --raw PIPE --out out                             | PIPE: it is a fifo
build-tfrecords --raw EMPTY --out out --boxes PIPE               | PIPE: it is a fifo
slim-run PIPE                                                    | there is no script PIPE
completion                                                       | Choose from: bash, zsh, fish.
tarin                                                            | Did you mean train
"""
ROWS = [tuple(part.strip() for part in row.split("|")) for row in TABLE.strip().splitlines()]
# All in one process: TensorFlow would be seen at once by all that follow.
RUN = """
import contextlib, io, json, shlex, sys
from imagenet_tools.cli import main
for line in sys.stdin.read().splitlines():
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main.run(shlex.split(line))
    print(json.dumps([code, said.getvalue(), "tensorflow.python" in sys.modules]))
"""


@pytest.fixture(scope="module")
def outcomes(tiny_records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """Command line -> exit code, stderr, and whether TensorFlow is there by then."""
    place = tmp_path_factory.mktemp("wrong")
    (place / "EMPTY").mkdir()
    (place / "RUN").mkdir()
    (place / "RUN" / "model.ckpt-1.index").touch()
    (place / "FILE").write_text("nothing: in particular\n")
    (place / "HUGE").write_text("batch_size: 99999999999\n")
    os.mkfifo(place / "PIPE")
    (place / "DATA").symlink_to(tiny_records)
    lines = [command for command, _ in ROWS]
    done = subprocess.run(
        [sys.executable, "-c", RUN], input="\n".join(lines), cwd=place,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert sorted(path.name for path in place.iterdir()) == [
        *("DATA", "EMPTY", "FILE", "HUGE", "PIPE", "RUN")
    ]
    assert not list((place / "EMPTY").iterdir())
    return dict(zip(lines, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("command", "named"), ROWS, ids=[command for command, _ in ROWS])
def test_it_is_refused_at_once(command: str, named: str, outcomes: dict[str, list]) -> None:
    code, said, tensorflow = outcomes[command]
    assert (code, tensorflow) == (2, False), said
    assert named in said and "not expected" not in said
