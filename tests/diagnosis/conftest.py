"""What tests of the diagnosis share."""

from __future__ import annotations

from typing import Any

import pytest

from imagenet_tools import diagnosis


@pytest.fixture
def measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that several commands look at is measured by the first."""
    passports: dict[str, diagnosis.Passport] = {}
    measure = diagnosis.measure

    def once(pipeline: Any, *how: Any) -> diagnosis.Passport:
        if pipeline.spec not in passports:
            passports[pipeline.spec] = measure(pipeline, *how)
        return passports[pipeline.spec]

    monkeypatch.setattr(diagnosis, "measure", once)
