"""Near-duplicates: one picture is known again, and no two photographs are taken for one."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from tiny_raw import encoded

from imagenet_tools import synthetic
from imagenet_tools.images import likeness
from imagenet_tools.records import alike


def grouped(files: list[bytes]) -> list[int]:
    thumbs = [likeness.thumbnail(data) for data in files]
    hashes = np.array([likeness.perceptual_hash(thumb) for thumb in thumbs], np.uint64)
    return alike.grouped(hashes, lambda wanted: {at: thumbs[at] for at in wanted}).tolist()


def again(image: Image.Image) -> list[bytes]:
    """One picture as it is found again: other qualities, sizes, shades, small crops."""
    width, height = image.size
    cropped = [
        image.crop((0.02 * width, 0.02 * height, 0.98 * width, 0.98 * height)),
        image.crop((0.02 * width, 0.03 * height, width, height)),
        image.crop((0, 0, 0.97 * width, 0.99 * height)),
    ]
    resized = [image.resize((256, 256)), image.resize((width // 2, height // 2))]
    shaded = [image.convert("L"), image.point(lambda value: 1.1 * value + 5)]
    whole = encoded(image, "PNG", compress_level=1)
    return [encoded(image, quality=10), encoded(image, quality=75), whole] + [
        encoded(one, quality=90) for one in (*cropped, *resized, *shaded)
    ]


def test_photographs_are_told_apart_and_known_again(shared: Path) -> None:
    with tarfile.open(shared / "data" / "imagenet-sample.tar") as tar:
        members = [tar.extractfile(one) for one in tar.getmembers() if one.isfile()]
        files = [one.read() for one in members if one]
    assert len(set(grouped(files))) == len(files) == 200
    chosen = files[::10]
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in chosen]
    copies = [again(one) for one in pictures]
    found = grouped(chosen + [data for several in copies for data in several])
    each = len(copies[0])
    assert len(set(found[:20])) == 20
    assert found[20:] == [one for one in found[:20] for _ in range(each)]


def test_a_mirror_image_is_the_same_picture(shared: Path) -> None:
    with tarfile.open(shared / "data" / "imagenet-sample.tar") as tar:
        members = [tar.extractfile(one) for one in tar.getmembers() if one.isfile()]
        files = [one.read() for one in members if one][::20]
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in files]
    mirrored = [ImageOps.mirror(one) for one in pictures]
    copies = [data for one in mirrored for data in again(one)]
    each = len(copies) // len(files)
    grouping = grouped(files + copies)
    assert grouping == list(range(10)) + [at for at in range(10) for _ in range(each)]
    assert grouped([copies[0], files[0], files[1]]) == [0, 0, 2]


def test_the_hash_of_a_mirror_image_has_the_odd_waves_turned() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        thumb = rng.integers(0, 256, (64, 64), np.uint8)
        mirrored = likeness.perceptual_hash(thumb[:, ::-1])
        assert mirrored == likeness.perceptual_hash(thumb) ^ likeness.MIRROR


def test_the_embedded_images_are_different_pictures() -> None:
    kinds = list(synthetic.KINDS)
    files = [synthetic.picture(kind, "validation", at) for kind in kinds for at in range(20)]
    assert len(set(grouped(files))) == len(files)


def test_blank_images_are_alike_only_in_one_shade() -> None:
    shades = [0, 0, 128, 255, 255, 255]
    files = [encoded(Image.new("RGB", (80, 60), (one,) * 3)) for one in shades]
    files += [encoded(Image.fromarray(np.arange(4800, dtype=np.uint8).reshape(60, 80)))] * 2
    assert grouped(files) == [0, 0, 2, 3, 3, 3, 6, 6]


def test_an_image_that_does_not_decode_is_refused() -> None:
    with pytest.raises(ValueError, match="truncated before the first scan"):
        likeness.thumbnail(encoded(Image.new("RGB", (80, 60)))[:-400])


def test_near_hashes_are_those_that_differ_in_few_bits() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 300).astype(np.uint64)
    bits = (rng.choice(63, count % 14, replace=False) for count in range(300))
    changed = [sum(1 << int(bit) for bit in some) for some in bits]
    others = np.concatenate([hashes ^ np.array(changed, np.uint64), [likeness.FLAT] * 2]).astype(
        np.uint64
    )

    def differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        each = one[:, np.newaxis] ^ other
        return np.array([int(value).bit_count() for value in each.ravel()]).reshape(each.shape)

    wanted = np.argwhere(differ(hashes, others) <= likeness.NEAR)
    assert len(wanted) > 200
    assert alike.near(hashes, others).tolist() == wanted.tolist()
    turned = others ^ np.where(others < likeness.FLAT, likeness.MIRROR, 0).astype(np.uint64)
    assert alike.near(hashes, turned, mirrored=True).tolist() == wanted.tolist()
    both = np.concatenate([hashes, others[:300]])
    wanted = np.argwhere(np.triu(differ(both, both) <= likeness.NEAR, 1))
    assert alike.near(both).tolist() == wanted.tolist()
    assert alike.near(others[300:]).shape == (0, 2)  # blank ones
