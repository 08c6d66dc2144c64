"""A long run: are speed and memory flat while one training goes on and on?

    python -m benchmarks.long_run --minutes 60

Makes synthetic images, builds them into records, and starts `imgtools train` at 96 px with the
quick recipe in a process of its own, checkpoints and events on. Once a minute it looks at how far
the run is, what processor time it took and what memory it holds; after the given minutes it
interrupts the run, as a user does by Ctrl-C. Writes docs/why/long-run.csv as it goes, then
docs/pictures/long-run.png, and prints the summary. Linux only (it reads /proc).

Not one of `make bench`'s topics. Images a CPU-second do not mind other work beside the run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1] / "docs"
BATCH = 64  # the quick recipe's
IMAGES = 4000  # of training, so that epochs come round every half minute
SAVE_STEPS = 250
TICKS = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """One minute of the run; rates are of that minute, memory is of its end.

    minutes: since the first step. images_per_cpu_second counts the processor time of the run and
    its children. resident_mib: theirs; peak_mib: the largest the run itself has had.
    """

    minutes: float
    step: int
    images_per_second: float
    images_per_cpu_second: float
    resident_mib: float
    peak_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=DOCS, help="in place of docs/")
    chosen = parser.parse_args()
    table = chosen.out / "why" / "long-run.csv"
    picture = chosen.out / "pictures" / "long-run.png"
    for file in (table, picture):
        file.parent.mkdir(parents=True, exist_ok=True)
    samples = []
    with tempfile.TemporaryDirectory() as folder, open(table, "w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(Sample._fields)
        for sample in run(Path(folder), chosen.minutes):
            lines.writerow(f"{value:.6g}" for value in sample)
            file.flush()
            samples.append(sample)
            print(*(f"{n} {v:.6g}" for n, v in sample._asdict().items()), file=sys.stderr)
    draw(samples, picture)
    print(summary(samples))


def run(folder: Path, minutes: float) -> Iterator[Sample]:
    """Train for so many minutes from the first logged step on; a sample a minute."""
    data, train_dir = made_records(folder), folder / "run"
    command = [
        sys.executable, "-m", "imagenet_tools", "train", "--data", str(data), "--train-dir",
        str(train_dir), "--preprocessing", "alexnet", "--recipe", "quick", "--seed", "1",
        "--max-number-of-steps", str(10**7), "--save-steps", str(SAVE_STEPS),
    ]  # fmt: skip
    # A shell's background job ignores SIGINT, and so would the child; a handler undoes that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(folder / "stderr", "w") as log:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    try:
        last = first = look(child, train_dir, after=0)
        while last.at - first.at < 60 * minutes - 30:
            time.sleep(max(0.0, last.at + 60 - time.time()))
            now = look(child, train_dir, after=last.step)
            images = (now.step - last.step) * BATCH
            yield Sample(
                (now.at - first.at) / 60,
                now.step,
                images / (now.at - last.at),
                images / (now.cpu - last.cpu),
                now.resident,
                now.peak,
            )
            last = now
        child.send_signal(signal.SIGINT)
        if child.wait(120) != 130:
            raise RuntimeError(f"the run ended with {child.returncode}, not 130 (interrupted)")
    except BaseException:
        print((folder / "stderr").read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        child.kill()


def made_records(folder: Path) -> Path:
    from imagenet_tools import raw, records, synthetic

    synthetic.generate(
        folder / "raw", train_per_class=IMAGES // 10, validation_per_class=1, workers=None
    )
    records.build(raw.detect(folder / "raw"), folder / "records", validation_shards=1)
    return folder / "records"


class Look(NamedTuple):
    """The run at one moment: wall time and CPU seconds, MiB."""

    at: float
    step: int
    cpu: float
    resident: float
    peak: float


def look(child: subprocess.Popen, train_dir: Path, after: int) -> Look:
    """Wait for the next line of metrics.jsonl, so that step and times belong together."""
    metrics, size = train_dir / "metrics.jsonl", -1
    while True:
        if child.poll() is not None:
            raise RuntimeError(f"the run ended with {child.returncode}")
        grown = metrics.stat().st_size if metrics.exists() else 0
        if size >= 0 and grown > size:
            step = int(json.loads(metrics.read_text().splitlines()[-1])["step"])
            if step > after:
                processes = family(child.pid)
                return Look(
                    time.time(),
                    step,
                    sum(cpu_seconds(one) for one in processes),
                    sum(memory_mib(one, "VmRSS") for one in processes),
                    memory_mib(child.pid, "VmHWM"),
                )
        size = grown
        time.sleep(0.02)


def family(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(process: int) -> float:
    """User and system time of a process and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def memory_mib(process: int, name: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def summary(samples: list[Sample]) -> str:
    """Slopes an hour with their 95 % intervals, and the first minutes against the last."""
    from scipy import stats

    first = min(10, len(samples) // 2)
    lines = [
        f"{samples[-1].minutes:.0f} minutes, {samples[-1].step:,} steps of {BATCH} images at 96 px"
    ]
    hours = [sample.minutes / 60 for sample in samples]
    for field, unit in (
        ("images_per_second", "images/s"),
        ("images_per_cpu_second", "images a CPU-second"),
        ("resident_mib", "MiB resident"),
        ("peak_mib", "MiB at the peak"),
    ):
        values = [getattr(sample, field) for sample in samples]
        early, late = statistics.mean(values[:first]), statistics.mean(values[-first:])
        text = f"{unit}: first {first} minutes {early:.1f}, last {first} {late:.1f}"
        if len(samples) > 2:
            fit = stats.linregress(hours, values)
            half = fit.stderr * stats.t.ppf(0.975, len(samples) - 2)
            text += f"; slope {fit.slope:+.2f} an hour (95 % +- {half:.2f})"
        lines.append(text)
    return "\n".join(lines)


def draw(samples: list[Sample], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    speed, memory = figure.subplots(2, 1, sharex=True)
    minutes = [sample.minutes for sample in samples]
    speed.plot(minutes, [s.images_per_cpu_second for s in samples], label="a CPU-second")
    speed.plot(minutes, [s.images_per_second for s in samples], label="a second")
    memory.plot(minutes, [s.peak_mib for s in samples], label="peak")
    memory.plot(minutes, [s.resident_mib for s in samples], label="resident")
    speed.set_ylabel("images")
    memory.set_ylabel("MiB")
    memory.set_xlabel("minutes of training at 96 px")
    for axes in (speed, memory):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
