"""Crosses keep what they take: every setting, `multiply`, and the values that reach the net."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator

import numpy as np
import pytest

from imagenet_tools import registry
from imagenet_tools.pipelines.crosses import combinations, combined, evaluated_under
from imagenet_tools.pipelines.pipeline import Pipeline

# `level` is a setting of its colour and of its range: a spec must keep the two apart.
PLUGIN = """
    import tensorflow as tf
    from imagenet_tools import registry
    from imagenet_tools.preprocessing import alexnet_preprocessing

    def colour(image, is_training, seed, *, level: float = 1.0, tint: float = 0.0):
        return image * level + tint

    def value_range(image, *, level: float = 1.0):
        return (image - 100.0) * level

    registry.register_parts(
        "levels", geometry=alexnet_preprocessing.geometry, colour=colour, range=value_range
    )

    @registry.register("flat")
    def flat(image, output_height, output_width, is_training=False):
        return tf.image.resize(image, [output_height, output_width])
"""
SPECS = (
    "alexnet",
    "alexnet:multiply=2.39",
    "alexnet:borders=keep,scale=1.0",
    "alexnet:lighting=cuda_convnet2,sigma=0.3,scale=0.5,multiply=0.7",
    "alexnet_2012:lighting=0",
    "alexnet_caffe:order=rgb",
    "inception:fast_mode=0,multiply=2.11",
    "vgg:proportional=1,multiply=0.0078",
    "lenet:use_grayscale=1",
    "inception.geometry+alexnet.colour:scale=1.0,multiply=3",
    "vgg.geometry:proportional=1+inception.colour:fast_mode=0+alexnet.range:scale=0.02",
    "levels:level=0.5,tint=3",
    "alexnet:scale=0.5,borders=keep+erasing:p=0.5,content=noise,multiply=2",
    "inception:fast_mode=0+randaugment:m=5",
    "alexnet.geometry+levels.colour:level=0.5+levels.range:level=2",
    "alexnet.geometry+levels.colour:level=0.5+levels.range",
    "alexnet.geometry+levels.colour:level=0.25+alexnet.range:scale=0.1",
    "alexnet.geometry+levels.colour:level=0.25+erasing+mixup:alpha=1.0+cutmix",
)


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("plugin") / "levels.py"
    path.write_text(textwrap.dedent(PLUGIN))
    registry.load_plugin(path)
    yield


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_is_read_as_it_is_written(spec: str) -> None:
    pipeline = registry.get(spec)
    again = registry.get(pipeline.spec)
    assert (again.spec, again.fingerprint) == (pipeline.spec, pipeline.fingerprint)


def test_evaluated_under_anothers_geometry_every_setting_survives() -> None:
    for own, other in itertools.permutations(map(registry.get, SPECS), 2):
        cross = evaluated_under(own, other)
        assert cross is not None
        assert cross.parts["geometry"] == other.parts["geometry"]
        assert cross.parts["colour"] == own.parts["colour"]
        assert cross.parts["range"] == own.parts["range"]
        assert cross.parts.get("after") == own.parts.get("after")
        assert cross.mixing == own.mixing
        assert cross.universal == own.universal
        # As text, too: this is how a plan and a report carry it.
        assert registry.get(cross.spec).fingerprint == cross.fingerprint


def test_the_net_sees_the_values_that_it_was_trained_on() -> None:
    """On an image of one colour no geometry shows: what differs is a setting that is lost."""
    image = np.full((150, 200, 3), (210, 60, 20), np.uint8)
    geometries = [registry.get(s) for s in ("alexnet", "inception", "vgg:proportional=1")]

    def rms(pipeline: Pipeline) -> float:
        out = pipeline.preprocess_image(image, 64, 64)
        return float(np.sqrt(np.mean(np.square(out))))

    for own in map(registry.get, SPECS):
        wanted = rms(own)
        for other in geometries:
            cross = evaluated_under(own, other)
            assert cross is not None
            assert rms(cross) == pytest.approx(wanted, rel=1e-4), (
                own.spec,
                other.spec,
            )


def test_mixing_is_a_fourth_part() -> None:
    plain, other = registry.get("alexnet"), registry.get("inception")
    mixed = registry.get("inception+mixup+cutmix:alpha=2")
    assert len(list(combinations(plain, other))) == 2**3 - 2
    assert len(list(combinations(plain, mixed))) == 2**4 - 2
    assert list(combinations(other, mixed)) == []
    taken = combined(mixed, plain, ("mixing",))
    assert taken.spec == "alexnet+cutmix:alpha=2.0+mixup"
    assert combined(plain, mixed, ("mixing",)).spec == "inception"


def test_multiply_goes_with_the_range() -> None:
    a, b = registry.get("alexnet:multiply=2"), registry.get("inception:multiply=3")
    assert (
        combined(a, b, ("range",)).spec
        == "inception.geometry+inception.colour+alexnet.range:multiply=2.0"
    )
    assert combined(a, b, ("geometry", "colour")).universal == {"multiply": 3.0}
    assert len(list(combinations(a, b))) == 6


def test_a_plain_function_has_no_geometry_to_lend() -> None:
    flat, alexnet = registry.get("flat"), registry.get("alexnet")
    assert evaluated_under(flat, alexnet) is None
    assert evaluated_under(alexnet, flat) is None
    with pytest.raises(ValueError, match="flat is a plain function without parts"):
        combined(flat, alexnet, ("range",))
