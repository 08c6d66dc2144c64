"""Every raw layout in miniature: the same images wherever they lie."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from PIL import Image

from imagenet_tools import labels

SYNSETS = ("n01440764", "n01443537", "n03888257")
VALIDATION = {"ILSVRC2012_val_00000001.JPEG": 66, "ILSVRC2012_val_00000003.JPEG": 231}


def jpeg(grey: int) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (12, 9), (grey, 10, 200)).save(encoded, "JPEG")
    return encoded.getvalue()


TRAIN = {f"{s}_{i}.JPEG": (s, jpeg(40 * n + i)) for n, s in enumerate(SYNSETS) for i in range(2)}


def tar(members: dict[str, bytes]) -> bytes:
    encoded = io.BytesIO()
    with tarfile.open(fileobj=encoded, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return encoded.getvalue()


def train_tar() -> bytes:
    inner = {s: tar({n: d for n, (own, d) in TRAIN.items() if own == s}) for s in SYNSETS}
    return tar({f"{synset}.tar": data for synset, data in inner.items()})


def write_folders(root: Path, train: str = "train", val: str = "val") -> None:
    for name, (synset, data) in TRAIN.items():
        (root / train / synset).mkdir(parents=True, exist_ok=True)
        (root / train / synset / name).write_bytes(data)
    (root / val).mkdir(parents=True)
    for name in VALIDATION:
        (root / val / name).write_bytes(jpeg(200))


def archives(root: Path) -> None:
    (root / "ILSVRC2012_img_train.tar").write_bytes(train_tar())
    (root / "ILSVRC2012_img_val.tar").write_bytes(tar({n: jpeg(200) for n in VALIDATION}))


def kaggle(root: Path) -> None:
    base = root / "ILSVRC" / "Data" / "CLS-LOC"
    write_folders(base)
    rows = "".join(
        f"{n[:-5]},{labels.synsets()[label - 1]} 1 2 30 40 \n" for n, label in VALIDATION.items()
    )
    (root / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + rows)


def lists(root: Path) -> None:
    write_folders(root)
    (root / "meta").mkdir()
    train = [f"{s}/{n} {labels.label_of()[s] - 1}\n" for n, (s, _) in TRAIN.items()]
    (root / "meta" / "train.txt").write_text("".join(train))
    val = "".join(f"{name} {label - 1}\n" for name, label in VALIDATION.items())
    (root / "meta" / "val.txt").write_text(val)


def folders(root: Path) -> None:
    write_folders(root)
