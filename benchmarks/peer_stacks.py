"""The stacks people would pick instead, each on one core: run by bench_peers in a child of its own.

    PYTHON -m benchmarks.peer_stacks FOLDER

PYTHON needs only what it is to measure: Pillow, torchvision, torchcodec, litdata, spdl, DALI,
simplejpeg + OpenCV, ffcv. FOLDER holds the JPEGs, and crops.json: for each file y, x, height, width
and mirrored. Reads names of stacks from stdin, a line each; writes the processor's seconds of one
pass, or why there is none.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZE, BATCH = 224, 50
FFCV_SIDE = 500  # FFCV's own recipe: longer side at most 500, JPEG quality 90 or raw pixels
Crop = tuple[int, int, int, int, bool]  # y, x, height, width, mirrored


def pillow(encoded: bytes, crop: Crop) -> Any:
    """As in a PyTorch DataLoader with torchvision's transforms on Pillow images: antialiased."""
    from PIL import Image

    y, x, height, width, mirrored = crop
    with Image.open(io.BytesIO(encoded)) as image:
        whole = image.convert("RGB")
    part = whole.resize((SIZE, SIZE), Image.Resampling.BILINEAR, (x, y, x + width, y + height))
    if mirrored:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(part, np.float32) / 127.5 - 1.0


def opencv(encoded: bytes, crop: Crop) -> Any:
    """simplejpeg's decoder and OpenCV's resize: not antialiased."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    y, x, height, width, mirrored = crop
    whole = simplejpeg.decode_jpeg(encoded, fastdct=True)
    part = cv2.resize(whole[y : y + height, x : x + width], (SIZE, SIZE))
    if mirrored:
        part = cv2.flip(part, 1)
    return part.astype(np.float32) / 127.5 - 1.0


def torchvision(encoded: bytes, crop: Crop) -> Any:
    """torchvision's v2 transforms on the tensors that it decodes."""
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    data = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
    return resized_by_torchvision(decode_jpeg(data, ImageReadMode.RGB), crop)


def torchcodec(encoded: bytes, crop: Crop) -> Any:
    """torchcodec's decoder, which torchvision's is to become, and torchvision's v2 transforms."""
    from torchcodec.decoders import decode_jpeg

    return resized_by_torchvision(decode_jpeg(encoded, mode="RGB"), crop)


def resized_by_torchvision(whole: Any, crop: Crop, *then: Any) -> Any:
    """Antialiased, channels first; `then` are transforms of the part, before it becomes floats."""
    import torch
    from torchvision.transforms.v2 import functional

    torch.set_num_threads(1)
    *window, mirrored = crop
    part = functional.resized_crop(whole, *window, [SIZE, SIZE], antialias=True)
    if mirrored:
        part = functional.horizontal_flip(part)
    for transform in then:
        part = transform(part)
    part = functional.to_dtype(functional.to_image(part), scale=True)
    return functional.normalize(part, [0.5] * 3, [0.5] * 3)


def randaugment(files: list[bytes], crops: list[Crop], tensors: bool) -> Callable[[], None]:
    """torchvision's v2 transforms with RandAugment's defaults, on tensors or Pillow's images."""
    import torch
    from PIL import Image
    from torchvision.io import ImageReadMode, decode_jpeg
    from torchvision.transforms.v2 import RandAugment

    augment = RandAugment()

    def one(encoded: bytes, crop: Crop) -> Any:
        if tensors:
            data = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
            return resized_by_torchvision(decode_jpeg(data, ImageReadMode.RGB), crop, augment)
        with Image.open(io.BytesIO(encoded)) as image:
            return resized_by_torchvision(image.convert("RGB"), crop, augment)

    return each(one, files, crops)


def spdl(encoded: bytes, crop: Crop) -> Any:
    """SPDL: FFmpeg's decoder and filters, which resize before colours are converted."""
    import spdl.io

    y, x, height, width, mirrored = crop
    steps = [f"crop={width}:{height}:{x}:{y}:exact=1", f"scale={SIZE}:{SIZE}:flags=bilinear"]
    steps += ["hflip"] * mirrored + ["format=rgb24"]
    part = spdl.io.to_numpy(spdl.io.load_image(encoded, filter_desc=",".join(steps)))
    return part.astype(np.float32) / 127.5 - 1.0


def litdata(folder: Path, files: list[bytes], crops: list[Crop]) -> Callable[[], None]:
    """litdata's chunks, shuffled, in PyTorch's DataLoader without workers; torchcodec decodes."""
    from litdata import StreamingDataset
    from litdata.streaming.cache import Cache
    from torch.utils.data import DataLoader, default_collate

    cache = Cache(str(folder / "chunks"), chunk_bytes="64MB")
    for number, data in enumerate(files):
        cache._add_item(number, {"image": data, "number": number})
    cache.done()
    cache.merge()

    def decoded(items: list[dict[str, Any]]) -> Any:
        return default_collate(
            [torchcodec(bytes(one["image"]), crops[one["number"]]) for one in items]
        )

    images = StreamingDataset(str(folder / "chunks"), shuffle=True)
    loader = DataLoader(images, BATCH, collate_fn=decoded)

    def run() -> None:
        for _ in loader:
            pass

    return run


def each(function: Callable, files: list[bytes], crops: list[Crop]) -> Callable[[], None]:
    def run() -> None:
        for pair in zip(files, crops, strict=True):
            function(*pair)

    return run


def dali(files: list[bytes], crops: list[Crop]) -> Callable[[], None]:
    """DALI's CPU backend: the window is decoded, resized with antialiasing, made floats."""
    from nvidia.dali import fn, pipeline_def, types

    arrays = [np.frombuffer(data, np.uint8) for data in files]
    corners = [np.array(crop[:2], np.int32) for crop in crops]
    sides = [np.array(crop[2:4], np.int32) for crop in crops]
    flips = [np.array(crop[4], np.int32) for crop in crops]

    def feed(source: list) -> Callable:
        return lambda info: source[info.idx_in_epoch % len(source)]

    @pipeline_def(batch_size=BATCH, num_threads=1, device_id=None)
    def graph() -> Any:
        sources: tuple[list, ...] = (arrays, corners, sides, flips)
        data, corner, side, flip = (
            fn.external_source(feed(source), batch=False, dtype=kind)
            for source, kind in zip(sources, (types.UINT8, *[types.INT32] * 3), strict=True)
        )
        window = fn.decoders.image_slice(data, corner, side, axis_names="HW")
        small = fn.resize(
            window, size=[SIZE, SIZE], interp_type=types.INTERP_LINEAR, antialias=True
        )
        return fn.crop_mirror_normalize(
            small, mirror=flip, mean=[127.5] * 3, std=[127.5] * 3, output_layout="HWC"
        )

    built = graph()
    built.build()

    def run() -> None:
        for _ in range(len(files) // BATCH):
            built.run()

    return run


def ffcv(folder: Path, files: list[bytes], mode: str) -> Callable[[], None]:
    """FFCV from a file of its own: random resized crop, flip, floats normalised by its kernel."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import NormalizeImage, RandomHorizontalFlip
    from ffcv.writer import DatasetWriter
    from PIL import Image

    class Images:
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return Image.open(io.BytesIO(files[index])).convert("RGB"), index

    path = str(folder / f"{mode}.beton")
    fields = {
        "image": RGBImageField(write_mode=mode, max_resolution=FFCV_SIDE, jpeg_quality=90),
        "label": IntField(),
    }
    DatasetWriter(path, fields, num_workers=1).from_indexed_dataset(Images())
    middle = np.full(3, 127.5)
    steps = [
        RandomResizedCropRGBImageDecoder((SIZE, SIZE)),
        RandomHorizontalFlip(),
        NormalizeImage(middle, middle, np.float32),
    ]
    loader = Loader(
        path, batch_size=BATCH, num_workers=1, order=OrderOption.SEQUENTIAL, os_cache=True,
        pipelines={"image": steps, "label": None},
    )  # fmt: skip

    def run() -> None:
        for _ in loader:
            pass

    return run


def stacks(folder: Path) -> dict[str, Callable[[], Callable[[], None]]]:
    """What makes each stack ready, by name."""
    named: list[list] = json.loads((folder / "crops.json").read_text())
    files = [(folder / name).read_bytes() for name, _ in named]
    crops: list[Crop] = [tuple(crop) for _, crop in named]
    return {
        "Pillow": lambda: each(pillow, files, crops),
        "torchvision v2": lambda: each(torchvision, files, crops),
        "torchcodec + v2": lambda: each(torchcodec, files, crops),
        "litdata + torchcodec": lambda: litdata(folder, files, crops),
        "RandAugment on tensors": lambda: randaugment(files, crops, tensors=True),
        "RandAugment in Pillow": lambda: randaugment(files, crops, tensors=False),
        "SPDL": lambda: each(spdl, files, crops),
        "simplejpeg + OpenCV": lambda: each(opencv, files, crops),
        "DALI": lambda: dali(files, crops),
        "FFCV JPEG": lambda: ffcv(folder, files, "jpg"),
        "FFCV raw": lambda: ffcv(folder, files, "raw"),
    }


def main() -> None:
    os.sched_setaffinity(0, {0})
    known = stacks(Path(sys.argv[1]))
    ready: dict[str, Callable[[], None]] = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            if name not in ready:
                ready[name] = known[name]()
            start = time.process_time()
            ready[name]()
            answer: float | str = time.process_time() - start
        except Exception as error:  # not installed, or it does not run here: a row says so
            answer = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print("ANSWER", json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
