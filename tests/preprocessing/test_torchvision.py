"""The operations, draws and evaluations of torchvision and timm, held to their own outputs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strange_images
import tensorflow as tf
from PIL import Image
from scipy import stats

from imagenet_tools import registry
from imagenet_tools.preprocessing import (
    augment_ops,
    erasing_preprocessing,
    jitter_preprocessing,
    shorter_side_preprocessing,
)
from imagenet_tools.preprocessing import byte_ops as bo
from imagenet_tools.preprocessing import pixel_ops as po

DEVIATION = np.array((0.229, 0.224, 0.225))
SPACES = {
    "randaugment": augment_ops.strengths(0.3, 150 / 331 * 96, 150 / 331 * 96, 30.0, 0.9, 4),
    "trivialaugmentwide": augment_ops.strengths(0.99, 32.0, 32.0, 135.0, 0.99, 6),
}
# Name -> (field of Strengths, operation of a module on bytes, its strength, bilinear or nearest)
SIGNED: dict[str, tuple[str, Callable[[Any, Any, Any, bool], Any]]] = {
    "ShearX": ("slope", lambda by, *rest: by.shear_x(*rest)),
    "ShearY": ("slope", lambda by, *rest: by.shear_y(*rest)),
    "TranslateX": ("right", lambda by, image, at, _: by.translate(image, at, 0.0)),
    "TranslateY": ("down", lambda by, image, at, _: by.translate(image, 0.0, at)),
    "Rotate": ("degrees", lambda by, *rest: by.rotate(*rest)),
    "Brightness": ("change", lambda by, image, at, _: by.brightness(image, 1 + at)),
    "Color": ("change", lambda by, image, at, _: by.saturation(image, 1 + at)),
    "Contrast": ("change", lambda by, image, at, _: by.contrast(image, 1 + at)),
    "Sharpness": ("change", lambda by, image, at, _: by.sharpness(image, 1 + at)),
}
SIGNLESS: dict[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "Posterize": ("bits", lambda by, *rest: by.posterize(*rest)),
    "Solarize": ("level", lambda by, *rest: by.solarize(*rest)),
}
MOVED = ("ShearX", "ShearY", "Rotate")
# TensorFlow's operations, and the compiled loops.
BOTH = pytest.mark.parametrize("by", [po, bo], ids=["TensorFlow", "compiled"])
FACTORS = (0.0, 0.01, 0.3, 1.0, 1.0001, 1.99, 2.5, 100.0)
SHIFTS = (-0.5, -0.3, -0.1, 0.0, 1e-4, 0.1, 0.37, 0.5)
# Of what torchvision 0.28.0 (torch 2.13.0, AVX512) makes of strange_images, all bins and both signs
# one after the other, image by image; and of FACTORS and SHIFTS.
DIGESTS = {
    "randaugment ShearX": "7e7aa3351649",
    "randaugment ShearX bilinear": "f361206a53b3",
    "randaugment ShearY": "713d7f704f16",
    "randaugment ShearY bilinear": "2ad43e537d7e",
    "randaugment TranslateX": "cdb1dd43f9ed",
    "randaugment TranslateY": "e7a895602e8a",
    "randaugment Rotate": "d9b1d2707baa",
    "randaugment Rotate bilinear": "724c3f858de1",
    "randaugment Brightness": "8ab200b36385",
    "randaugment Color": "68f1bcd08fc1",
    "randaugment Contrast": "9b3f1caf2b72",
    "randaugment Sharpness": "4290de770816",
    "randaugment Posterize": "7189989027ea",
    "randaugment Solarize": "48435b28bbe0",
    "randaugment AutoContrast": "5fbf1f2d4bb0",
    "randaugment Equalize": "bf557134dad2",
    "trivialaugmentwide ShearX": "cf123a5bcc27",
    "trivialaugmentwide ShearX bilinear": "62b0fd9f5fe9",
    "trivialaugmentwide ShearY": "633eec931e9e",
    "trivialaugmentwide ShearY bilinear": "298b17a3431b",
    "trivialaugmentwide TranslateX": "e56faf25b638",
    "trivialaugmentwide TranslateY": "6ab1ecf72809",
    "trivialaugmentwide Rotate": "06600f47e17a",
    "trivialaugmentwide Rotate bilinear": "da4deae52eba",
    "trivialaugmentwide Brightness": "6cdec44822cc",
    "trivialaugmentwide Color": "4add161d000e",
    "trivialaugmentwide Contrast": "bd54b5c1c944",
    "trivialaugmentwide Sharpness": "636cc6becf9e",
    "trivialaugmentwide Posterize": "4e4a32c5b49c",
    "trivialaugmentwide Solarize": "48435b28bbe0",
    "trivialaugmentwide AutoContrast": "5fbf1f2d4bb0",
    "trivialaugmentwide Equalize": "bf557134dad2",
    "brightness": "0d616e9ecec6",
    "contrast": "ba64a1b2ace3",
    "saturation": "ba262a318ea5",
    "sharpness": "adefe1ed8d79",
    "hue": "5f3dc07fa4f9",
}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Iterator[Mapping[str, np.ndarray]]:
    with np.load(shared / "golden" / "torchvision.npz") as arrays:
        yield arrays


def hold(found: list[Any], wanted: np.ndarray, share: float, what: str) -> None:
    """At most one grey level, and that in at most this share of the samples."""
    off = np.abs(np.asarray(found, int).reshape(wanted.shape) - wanted)
    assert off.max() <= 1, what
    assert (off > 0).mean() <= share, what


@BOTH
@pytest.mark.parametrize("space", SPACES)
def test_operations_equal_torchvisions(
    space: str, by: Any, golden: Mapping[str, np.ndarray]
) -> None:
    image, table = golden["image/crop96/0"], SPACES[space]
    for name, (field, run) in SIGNED.items():
        at = getattr(table, field)[golden["ops/bins"]]
        for how in ("nearest", "bilinear") if name in MOVED else ("nearest",):
            key = f"ops/{space}/tensor/crop96_0/{name}"
            key += f"/{how}" if name in MOVED or name.startswith("Translate") else ""
            smooth = how == "bilinear"
            found = [[run(by, image, sign * float(b), smooth) for sign in (1, -1)] for b in at]
            hold(found, golden[key], 0.0, key)
    for name, (field, run_one) in SIGNLESS.items():
        key = f"ops/{space if name == 'Posterize' else 'randaugment'}/tensor/crop96_0/{name}"
        at = getattr(table, field)[golden["ops/bins"]]
        hold([run_one(by, image, b) for b in at], golden[key], 0.0, key)


@pytest.mark.parametrize("space", SPACES)
def test_strange_images_equal_torchvisions(space: str) -> None:
    """Sides of one, two and three pixels, gray, of one level; every bin and both signs."""
    for name, (field, run) in SIGNED.items():
        images = strange_images.images()
        if name == "Contrast":  # where torch's loop of 16 at a time ends, it rounds otherwise
            images = [i for i in images if i.shape[0] * i.shape[1] % 16 == 0]
        for kind in ("", " bilinear") if name in MOVED else ("",):
            found = [
                run(bo, image, sign * float(at), bool(kind))
                for image in images
                for at in getattr(strengths(space, image), field)
                for sign in (1, -1)
            ]
            assert strange_images.digest(found) == DIGESTS[f"{space} {name}{kind}"], name + kind
    images = strange_images.images()
    for name, (field, run_one) in SIGNLESS.items():
        at = getattr(SPACES[space], field)
        found = [run_one(bo, image, one) for image in images for one in at]
        assert strange_images.digest(found) == DIGESTS[f"{space} {name}"], name
    for name, alone in (("AutoContrast", bo.autocontrast), ("Equalize", bo.equalize)):
        assert strange_images.digest(map(alone, images)) == DIGESTS[f"{space} {name}"], name


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "sharpness", "hue"])
def test_strange_factors_equal_torchvisions(name: str) -> None:
    factors = SHIFTS if name == "hue" else FACTORS
    found = [getattr(bo, name)(i, at) for i in strange_images.images() for at in factors]
    assert strange_images.digest(found) == DIGESTS[name]


def test_tensorflows_operations_are_the_compiled_ones() -> None:
    """On strange images, in a graph, at a bin whose places lie between two pixels."""
    at = augment_ops.Strengths(*(float(values[20]) for values in SPACES["randaugment"]))
    for image in strange_images.images()[:8:2]:
        for smooth in (False, True):

            @tf.function(autograph=False)
            def graph(
                pixels: tf.Tensor, strength: tf.Tensor, smooth: bool = smooth
            ) -> list[tf.Tensor]:
                drawn = augment_ops.Strengths(*tf.unstack(strength))
                made = augment_ops.chain(po, pixels, drawn, smooth)
                return [tf.identity(run()) for run in made]

            quick = [run() for run in augment_ops.chain(bo, image, at, smooth)]
            for name, one, other in zip(
                augment_ops.NAMES,
                graph(tf.constant(image), tf.constant(at, tf.float64)),
                quick,
                strict=True,
            ):
                np.testing.assert_array_equal(one, other, name)
        for shift in SHIFTS:
            hold([po.hue(image, shift)], bo.hue(image, shift)[np.newaxis], 0.01, "hue")


def strengths(space: str, image: np.ndarray) -> augment_ops.Strengths:
    """Of an image: RandAugment moves by shares of its sides."""
    if space != "randaugment":
        return SPACES[space]
    height, width = image.shape[:2]
    return augment_ops.strengths(0.3, 150 / 331 * width, 150 / 331 * height, 30.0, 0.9, 4)


def test_strengths_equal_torchvisions(golden: Mapping[str, np.ndarray]) -> None:
    for space, table in SPACES.items():
        for name, field in (("ShearX", "slope"), ("Rotate", "degrees"), ("Color", "change")):
            wanted = golden[f"ops/{space}/magnitudes/{name}"]
            np.testing.assert_allclose(getattr(table, field), wanted, rtol=2e-6)
        np.testing.assert_array_equal(table.bits, golden[f"ops/{space}/magnitudes/Posterize"])
        np.testing.assert_array_equal(
            table.level, golden["ops/solarize_first_inverted_level/tensor"]
        )
    pixels = SPACES["randaugment"].right.astype(int)
    np.testing.assert_array_equal(pixels, golden["ops/randaugment/translate_pixels_image96"])
    assert list(golden["ops/randaugment/order"]) == list(augment_ops.NAMES)


@BOTH
def test_operations_on_odd_images_equal_torchvisions(
    by: Any, golden: Mapping[str, np.ndarray]
) -> None:
    """Ramps, constant channels, two levels, narrow ranges."""
    images = golden["edge/input"]
    table = {"AutoContrast": by.autocontrast, "Equalize": by.equalize, "Invert": po.invert}
    for name, run in table.items():
        hold([run(image) for image in images], golden[f"edge/tensor/{name}"], 0.0, name)
    factors = {
        "Posterize": (lambda image, at: by.posterize(image, int(at)), "posterize_bits"),
        "Solarize": (by.solarize, "solarize_thresholds"),
        "Brightness": (by.brightness, "factors"),
        "Contrast": (by.contrast, "factors"),
        "Color": (by.saturation, "factors"),
        "Sharpness": (by.sharpness, "factors"),
        "Hue": (by.hue, "hues"),
    }
    for name, (by_factor, axis) in factors.items():
        found = [[by_factor(i, float(at)) for i in images] for at in golden[f"edge/{axis}"]]
        hold(found, golden[f"edge/tensor/{name}"], 0.0, name)
    crop = golden["image/crop96/3"]
    for name, run_one, axis in (
        ("brightness", by.brightness, "factors"),
        ("contrast", by.contrast, "factors"),
        ("saturation", by.saturation, "factors"),
        ("hue", by.hue, "hues"),
    ):
        found = [run_one(crop, float(at)) for at in golden[f"jitter/{axis}"]]
        exact = by is bo or name != "hue"
        key = f"jitter/tensor_uint8/crop96_3/{name}"
        hold(found, golden[key], 0.0 if exact else 0.01, name)


@pytest.mark.parametrize(
    ("spec", "key", "levels", "tail"),
    [
        ("torchvision", "torchvision_resize256_crop224/tensor_float32", 0.01, 0.01),
        ("torchvision", "torchvision_resize256_crop224/tensor_uint8", 0.51, 0.51),
        ("torchvision", "torchvision_resize256_crop224/pil", 1.01, 1.01),
        # Pillow rounds after each of two passes.
        ("timm", "timm_bicubic_crop_pct_0.875/pil", 1.1, 1.0),
        ("timm:crop_pct=0.95", "timm_bicubic_crop_pct_0.95/pil", 1.1, 1.0),
    ],
)
def test_evaluation_presets(
    spec: str, key: str, levels: float, tail: float, golden: Mapping[str, np.ndarray]
) -> None:
    pipeline = registry.get(spec)
    for i in range(4):
        encoded = golden[f"image/jpeg/{i}"].tobytes()
        image = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
        view = pipeline.view(*image.shape[:2], 224, 224)
        place = [*view.resize.numpy(), *view.window.numpy()]
        assert place == list(golden[f"eval/{key.split('/')[0]}/resized_hw_top_left/{i}"])
        out = pipeline.preprocess_image(image, 224, 224)[::4, ::4]
        off = np.abs(out - golden[f"eval/{key}/float32_stride4/{i}"]) * DEVIATION * 255
        assert off.max() <= levels
        assert np.percentile(off, 99.9) <= tail


def drawn(count: int, draw: Callable[[tf.Tensor], Any]) -> Any:
    """What `draw` makes of `count` seeds."""
    numbers = tf.data.Dataset.range(count)
    data = numbers.map(lambda i: draw(tf.stack([11, tf.cast(i, tf.int32)])))
    return data.batch(count).get_single_element()


def test_erasing_draws_torchvisions_boxes(golden: Mapping[str, np.ndarray]) -> None:
    wanted = golden["draws/randomerasing/torchvision_default"].astype(int)
    found = drawn(
        len(wanted),
        lambda seed: erasing_preprocessing.box((224, 224), seed, (0.02, 0.33), (0.3, 3.3)),
    ).numpy()
    for axis in range(4):
        assert stats.ks_2samp(found[:, axis], wanted[:, axis]).pvalue > 0.001
    product = found[:, 2] * found[:, 3], wanted[:, 2] * wanted[:, 3]
    assert stats.ks_2samp(*product).pvalue > 0.001


def test_where_no_box_fits_there_is_none() -> None:
    """Of the area and aspect that most attempts get, no box has both sides within the image."""
    boxes = drawn(
        300, lambda seed: erasing_preprocessing.box((96, 96), seed, (0.3, 0.8), (0.1, 10.0))
    ).numpy()
    none = (boxes[:, 2:] == 0).all(axis=1)
    assert 0 < none.sum() < 300
    assert not boxes[none].any()
    assert (boxes[~none, :2] >= 0).all()
    assert (boxes[~none, :2] + boxes[~none, 2:] <= 96).all()


def test_jitter_draws_torchvisions_factors_and_orders(golden: Mapping[str, np.ndarray]) -> None:
    key = "draws/colorjitter_0.4_0.4_0.4_0.1"
    strengths = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    factors, order = drawn(
        4000, lambda seed: jitter_preprocessing.draws(seed, tuple(strengths.values()))
    )
    for axis in range(4):
        wanted = golden[f"{key}/factors"][:, axis]
        assert stats.ks_2samp(factors.numpy()[:, axis], wanted).pvalue > 0.001
    places = np.stack([np.bincount(order.numpy()[:, i], minlength=4) for i in range(4)])
    assert stats.chi2_contingency([places.ravel(), np.full(16, 1000)]).pvalue > 0.001


@pytest.mark.parametrize("name", ["randaugment", "trivialaugment"])
def test_operations_are_drawn_evenly(name: str, golden: Mapping[str, np.ndarray]) -> None:
    """An operation is known by what it does: the identity in 1 of 14 draws, and so on."""
    image = tf.constant(golden["image/crop96/0"][::4, ::4], tf.float32)
    definition = registry.get(f"lenet+{name}").parts["colour"]
    settings = {"n": 1} if name == "randaugment" else {}
    out = drawn(1400, lambda seed: definition(image, True, seed, keywords=settings)).numpy()
    same = (out == image.numpy()).all(axis=(1, 2, 3)).mean()
    # TrivialAugment's weakest bins change nothing either: bin 0 of 12 operations, three of bits.
    wanted = 1 / 14 if name == "randaugment" else (1 + 10 / 31 + 3 / 31 + 1 / 31) / 14
    assert abs(same - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 1400) + 0.01
    assert len({one.tobytes() for one in out}) >= (17 if name == "randaugment" else 200)


@pytest.mark.parametrize("name", ["jitter", "lighting", "randaugment", "trivialaugment", "erasing"])
def test_parts_act_in_training_alone(name: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    plain, put_on = registry.get("inception"), registry.get(f"inception+{name}")
    assert put_on.spec == f"inception+{name}"
    one, other = (p.preprocess_image(image, 32, 32) for p in (plain, put_on))
    np.testing.assert_array_equal(one, other)
    settings = {"erasing": ":p=1", "randaugment": ":n=5"}.get(name, "")
    lively = registry.get(f"inception+{name}{settings}")
    outs = [lively.preprocess_image(image, 32, 32, True, seed=(1, i)).numpy() for i in (1, 1, 2)]
    np.testing.assert_array_equal(outs[0], outs[1])
    assert not np.array_equal(outs[0], outs[2])


def test_what_is_erased_is_a_box_of_zeros_or_noise() -> None:
    image = np.full((40, 40, 3), 255, np.uint8)
    for content in ("zero", "noise"):
        pipeline = registry.get(
            f"inception.geometry+lighting+inception.range+erasing:p=1,content={content}"
        )
        out = pipeline.preprocess_image(image, 32, 32, True, seed=(3, 4)).numpy()
        erased = (out[..., 0] == 0) if content == "zero" else np.abs(np.ptp(out, axis=-1)) > 0.3
        rows, columns = erased.any(1).sum(), erased.any(0).sum()
        assert 0.02 * 1024 * 0.5 < rows * columns < 0.34 * 1024 * 1.1
        assert erased.sum() > 0.8 * rows * columns


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("alexnet+randaugment:m=31", "randaugment:m=31: a whole number from 0 to 30 is needed"),
        ("alexnet+randaugment:n=-1", "randaugment:n=-1: a whole number from 0 to 14"),
        ("alexnet+randaugment:n=2.5", "randaugment:n=2.5: a whole number from 0 to 14"),
        ("alexnet+jitter:hue=0.6", "jitter:hue=0.6: a number from 0 to 0.5"),
        ("alexnet+jitter:brightness=nan", "jitter:brightness=nan: a number, 0 or more"),
        ("alexnet+lighting:sigma=-1", "lighting:sigma=-1.0: a number, 0 or more"),
        ("alexnet+erasing:p=2", "erasing:p=2.0: a number from 0 to 1"),
        ("alexnet+erasing:area_min=0", "erasing:area_min=0.0: a number above 0 and up to 1"),
        ("alexnet+erasing:area_min=0.5", "area_min=0.5 is above area_max, which is 0.33"),
        ("torchvision:crop_pct=0", "torchvision:crop_pct=0.0: a number above 0 and up to 1"),
        ("alexnet+erasing:area_min=1e-40", "area_min=1e-40: 0 or a number of size 1e-30 to"),
        ("vgg:resize_side_max=99999999999", "a whole number from 1 to 65,535 is needed"),
        ("alexnet:multiply=inf", "alexnet:multiply=inf: a number is needed"),
        ("torchvision:antialias=0,interpolation=bicubic", "bicubic is antialiased"),
        ("randaugment", "randaugment is a part alone .colour.: put it on a pipeline"),
        ("resized_crop+randaugment", "has no range"),
        ("alexnet+randaugment.range", "'range' of randaugment is no part; choose from colour"),
        ("alexnet+randaugment+jitter", "gives colour twice"),
    ],
)
def test_what_has_no_meaning_is_refused(spec: str, says: str) -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=says):
        pipeline = registry.get(spec)
        pipeline.preprocess_image(image, 32, 32, True)
        pipeline.preprocess_image(image, 32, 32)


@pytest.mark.parametrize(("crop_pct", "side"), [(0.875, 256), (0.7, 320), (0.95, 235), (0.56, 399)])
def test_the_side_before_the_crop_is_rounded_down_as_timm_does(crop_pct: float, side: int) -> None:
    """224 / 0.56 is 399.99999999999994 in floating point, and timm's floor takes it so."""
    view = shorter_side_preprocessing.central_window(
        tf.constant(500), tf.constant(1000), (224, 224), crop_pct
    )
    np.testing.assert_array_equal(view.resize, [side, 2 * side])
