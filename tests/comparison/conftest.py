"""Reports of these tests are without the figures for a paper, unless a test looks at them."""

from __future__ import annotations

import pytest


@pytest.fixture
def figures_for_paper() -> None:
    """The SVG and PDF files beside a report; asked for by the test that looks at them."""


@pytest.fixture(autouse=True)
def as_asked(request: pytest.FixtureRequest) -> None:
    if "figures_for_paper" not in request.fixturenames:
        request.getfixturevalue("no_figures_for_paper")
