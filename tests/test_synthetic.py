"""The procedural data set: the same bytes for the same arguments, and what it promises."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagenet_tools import synthetic


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.JPEG")):
        total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


def test_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    sizes = {"classes": 3, "train_per_class": 4, "validation_per_class": 2, "seed": 7}
    one = synthetic.generate(tmp_path / "one", workers=1, **sizes)
    two = synthetic.generate(tmp_path / "two", workers=2, **sizes)
    assert digest(one) == digest(two)
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*.JPEG"))
    assert len(names) == 3 * (4 + 2)
    assert names[0] == "train/disc-checked/disc-checked_train_00000.JPEG"


def test_a_finished_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = synthetic.generate(
        tmp_path, classes=2, train_per_class=1, validation_per_class=1, workers=1
    )
    image = next(folder.rglob("*.JPEG"))
    image.write_bytes(b"touched")
    synthetic.generate(folder, classes=2, train_per_class=1, validation_per_class=1, workers=1)
    assert image.read_bytes() == b"touched"
    with pytest.raises(ValueError, match="another synthetic data set"):
        synthetic.generate(folder, classes=3, train_per_class=1, validation_per_class=1)


def test_another_folder_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="other files"):
        synthetic.generate(tmp_path, classes=2)
    # Nor into that of a call which was interrupted: its classes would be among these.
    synthetic.generate(tmp_path / "more", classes=3, train_per_class=1, validation_per_class=1)
    (tmp_path / "more" / synthetic.STAMP).unlink()
    with pytest.raises(ValueError, match=r"other files \((train|validation)/flower-checked\)"):
        synthetic.generate(tmp_path / "more", classes=2)


@pytest.mark.parametrize("classes", [1, 11])
def test_number_of_classes_is_checked(tmp_path: Path, classes: int) -> None:
    with pytest.raises(ValueError, match=f"classes is {classes}"):
        synthetic.generate(tmp_path, classes=classes)


def test_sizes_and_spectrum_are_as_documented() -> None:
    slopes = []
    for index in range(12):
        image = Image.open(io.BytesIO(synthetic.picture("star-striped", "train", index)))
        assert 120 <= min(image.size) <= 260
        assert max(image.size) / min(image.size) <= 16 / 9 + 0.01
        grey = np.asarray(image.convert("L"), np.float64)[:120, :120]
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(120), np.fft.fftfreq(120)))
        band = (frequency > 0.02) & (frequency < 0.3)
        slopes.append(np.polyfit(np.log(frequency[band]), np.log(power[band] + 1e-9), 1)[0])
    # Photographs fall with about the second power of the frequency.
    assert -4 < np.median(slopes) < -1.5
