"""Every raw layout in miniature: the same images wherever they lie."""

from __future__ import annotations

import io
import shutil
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


def inner_tars() -> dict[str, bytes]:
    own = {s: {n: d for n, (synset, d) in TRAIN.items() if synset == s} for s in SYNSETS}
    return {f"{synset}.tar": tar(images) for synset, images in own.items()}


def train_tar() -> bytes:
    return tar(inner_tars())


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


def class_tars(root: Path) -> None:
    """ImageNet's training archive, unpacked once."""
    write_folders(root)
    shutil.rmtree(root / "train")
    (root / "train").mkdir()
    for name, data in inner_tars().items():
        (root / "train" / name).write_bytes(data)


def tiny_imagenet(root: Path) -> None:
    for name, (synset, data) in TRAIN.items():
        place = root / "train" / synset / "images"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    images = root / "val" / "images"
    images.mkdir(parents=True)
    truth = {name: labels.synsets()[label - 1] for name, label in VALIDATION.items()}
    for name in truth:
        (images / name).write_bytes(jpeg(200))
    rows = "".join(f"{name}\t{synset}\t0\t3\t6\t9\n" for name, synset in truth.items())
    (root / "val" / "val_annotations.txt").write_text(rows)
    (root / "wnids.txt").write_text("\n".join([*SYNSETS, *truth.values()]) + "\n")
    (root / "words.txt").write_text("n01440764\ttench, Tinca tinca\n")


def parquet(root: Path) -> None:
    """Needs pyarrow."""
    import json

    import pyarrow
    import pyarrow.parquet

    names = list(labels.words().values())
    features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    train = [(data, labels.label_of()[synset] - 1) for synset, data in TRAIN.values()]
    validation = [(jpeg(200), label - 1) for label in VALIDATION.values()]
    (root / "data").mkdir()
    for split, rows in (("train", train), ("validation", validation)):
        images = [{"bytes": data, "path": None} for data, _ in rows]
        table = pyarrow.table({"image": images, "label": [label for _, label in rows]})
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
        path = root / "data" / f"{split}-00000-of-00001.parquet"
        pyarrow.parquet.write_table(table, path, row_group_size=4)


# Of each layout of raw.LAYOUTS.
MINIATURES = {
    "archives": archives,
    "kaggle": kaggle,
    "parquet": parquet,
    "tiny_imagenet": tiny_imagenet,
    "lists": lists,
    "class_folders": folders,
}
