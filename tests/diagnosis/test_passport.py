"""A passport is shown whatever was measured: a value that is not finite is said to be so."""

from __future__ import annotations

import json
import math

from imagenet_tools.comparison.run_result import finite
from imagenet_tools.diagnosis import passport


def measured(value: float) -> dict:
    """A pipeline's passport with one value in every place where one can be."""
    seen = {
        "channels": "RGB", "zoom": value, "zoom_range": (value, value), "aspect": value,
        "area": value, "mirrored": value, "padded": value, "aliasing": None,
    }  # fmt: skip
    values = {
        "train_range": (value, value), "eval_range": (value, value), "train_rms": value,
        "eval_rms": value, "train_mean": [value], "eval_mean": [value], "train_std": [value],
        "draw_rms": value, "clipped": value,
    }  # fmt: skip
    trained = {
        "activations": {"conv1": value}, "updates": {"conv1": value}, "losses": [1.0, value],
        "chance": value, "dead": {"fc6": value},
    }  # fmt: skip
    return {"train": seen, "eval": seen, "values": values, "training": trained}


def test_values_that_are_not_finite_are_said() -> None:
    for value in (math.nan, math.inf):
        kept = json.loads(json.dumps(finite({"overflowing": measured(value)})))
        lines = passport.rows(kept)["overflowing"]
        assert lines["root mean square, train / eval"] == "not finite / not finite"
        assert lines["values, train"] == "not finite to not finite"
        assert lines["peak loss in some steps (guessing)"] == "not finite (not finite)"
        assert lines["dead units, worst layer"] == "–"
    lines = passport.rows({"sound": measured(0.25)})["sound"]
    assert lines["dead units, worst layer"] == "fc6 25%"
    assert lines["peak loss in some steps (guessing)"] == "1 (0.25)"
