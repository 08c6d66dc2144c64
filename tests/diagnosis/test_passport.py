"""A passport is shown whatever was measured: a value that is not finite is said to be so."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib

import pytest

from imagenet_tools.comparison import diagnosed
from imagenet_tools.diagnosis import passport
from imagenet_tools.diagnosis.brief_training import Brief
from imagenet_tools.diagnosis.detail import Detail
from imagenet_tools.diagnosis.finding import Finding
from imagenet_tools.diagnosis.levels import Levels
from imagenet_tools.diagnosis.passport import Passport
from imagenet_tools.diagnosis.probes import Probe
from imagenet_tools.diagnosis.values import Values
from imagenet_tools.storage import json_file


def measured(value: float) -> Passport:
    """A pipeline's passport with one value in every place where one can be."""
    two, three = (value, value), (value,) * 3
    levels = Levels((three,), value, three, *[value] * 7, two, value, three, two, *[value] * 3)
    seen = Probe(
        value, two, value, value, value, 25, value, value, two, two, two, True, (), (), two,
        *[value] * 8, "RGB",
        ("RGB",), *[(three,) * 3] * 3, value, None, value, None, None, None,
        value, value, levels, Detail(two, value, value, value, None),
    )  # fmt: skip
    values = Values(
        three, three, three, three, value, value, two, two, value, three, value, value,
        False, False, False, False, value, 1,
    )  # fmt: skip
    by_layer = {"conv1": value}
    trained = Brief(
        (1.0, value), value, 0.1, by_layer, by_layer, {"fc6": value}, {0.1: value}, None
    )
    return Passport("overflowing", 96, seen, seen, values, trained)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_not_finite_are_said(value: float) -> None:
    kept = json_file.as_type(
        json.loads(json.dumps(measured(value).as_json(), allow_nan=False)), Passport
    )
    lines = passport.rows({"overflowing": kept})["overflowing"]
    assert lines["root mean square, train / eval"] == "not finite / not finite"
    assert lines["values, train"] == "not finite to not finite"
    assert lines["peak loss in some steps (guessing)"] == "not finite (not finite)"
    assert lines["dead units, worst layer"] == "–"


def test_a_passport_is_read_back_as_it_was() -> None:
    sound = measured(0.25)
    kept = json_file.as_type(json.loads(json.dumps(sound.as_json())), Passport)
    assert kept == sound
    lines = passport.rows({"sound": kept})["sound"]
    assert lines["dead units, worst layer"] == "fc6 25%"
    assert lines["peak loss in some steps (guessing)"] == "1 (0.25)"


def test_a_diagnosis_of_other_fields_is_of_another_version() -> None:
    """Or one that a comparison kept before would be called damaged, not measured again."""
    kinds = (Passport, Probe, Levels, Detail, Values, Brief, Finding)
    names = sorted(
        f"{kind.__name__}.{one.name}" for kind in kinds for one in dataclasses.fields(kind)
    )
    told = "raise diagnosed.VERSION, and write it here with the fields' checksum"
    assert (diagnosed.VERSION, zlib.crc32(" ".join(names).encode())) == (10, 2921501166), told
