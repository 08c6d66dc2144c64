"""The rules of the diagnosis: a door, a page written from them, a planted fault for each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import faulty_preprocessing as planted
import pytest

from imagenet_tools import diagnosis, registry
from imagenet_tools.diagnosis import finding, page, rules, windows
from imagenet_tools.diagnosis.placement import Placement
from imagenet_tools.errors import PipelineFailed

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "diagnosis.md"
# Rules that no pipeline of faulty_preprocessing.py is made for: of records, of the decoding, notes
# that honest pipelines get, and those of the brief training (IMG4..) and of several arms (IMG5..).
OTHERS = {"IMG001", "IMG005", "IMG205"}
WORDS = {"detected": "d.", "matters": "m.", "remedy": "r."}


@pytest.fixture(autouse=True)
def rules_are_a_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = dict(finding.RULES)
    monkeypatch.setattr(finding, "RULES", rules)
    monkeypatch.setattr(diagnosis, "RULES", rules)


def test_a_rule_is_one_function() -> None:
    finding.RULES.clear()

    @finding.rule("LAB001", "many-arms", subject="arms", **WORDS)
    def many_arms(passports: dict[str, object]) -> Iterator[finding.Said]:
        """There are many arms."""
        if len(passports) > 1:
            yield finding.note(f"{len(passports)} arms", "Counted.")

    assert diagnosis.judge({}) == []
    (one,) = diagnosis.judge({"a": None, "b": None})  # type: ignore[dict-item]
    assert (one.code, one.name, one.severity) == ("LAB001", "many-arms", "note")
    assert (one.title, one.explanation, one.consequence) == ("2 arms", "Counted.", "m. r.")


def test_a_rule_says_what_it_is_in_its_docstring_or_by_keyword() -> None:
    def dim(passport: object) -> list[finding.Said]:
        """It is dim.

        Detected: The mean,
        of all.
        Remedy: A lamp.
        """
        return []

    finding.rule("LAB001", "dim", matters=f"By {1 / 2}.")(dim)
    one = finding.RULES["LAB001"]
    assert (one.title, one.detected, one.matters) == ("It is dim", "The mean, of all.", "By 0.5.")
    assert one.remedy == "A lamp."
    with pytest.raises(ValueError, match="rule LAB002 dusk: no line of its docstring says matters"):
        finding.rule("LAB002", "dusk")(dim)


def test_codes_and_names_are_taken_once() -> None:
    def nothing(passport: object) -> list[finding.Said]:
        return []

    finding.rule("LAB001", "blue", **WORDS)(nothing)
    for code, name in (("LAB001", "green"), ("LAB002", "blue")):
        with pytest.raises(ValueError, match="there is LAB001 blue already"):
            finding.rule(code, name, **WORDS)(nothing)
    with pytest.raises(ValueError, match="a rule is IMG123"):
        finding.rule("x", "green", **WORDS)


def test_a_rule_that_fails_is_named() -> None:
    finding.RULES.clear()

    def of(passport: object, found: object) -> object:
        """It fails."""
        return found(passport)

    wanted = "fail, warning or note of two texts is wanted"
    bad, half = finding.Said("error", "dark", "."), finding.note("dark", 0.5)  # type: ignore[arg-type]
    for found, why in (
        (lambda passport: passport["sky"], "TypeError: 'NoneType' object is not subscriptable"),
        (lambda passport: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda passport: ["dark"], f"TypeError: it says 'dark'; {wanted}"),
        (lambda passport: [bad], f"TypeError: it says {bad!r}; {wanted}"),
        (lambda passport: [half], f"TypeError: it says {half!r}; {wanted}"),
    ):
        finding.rule("LAB001", "sky", **WORDS)(partial(of, found=found))
        assert finding.RULES["LAB001"].title == "It fails"
        with pytest.raises(PipelineFailed) as raised:
            diagnosis.judge({"alexnet": None})  # type: ignore[dict-item]
        assert str(raised.value) == f"rule LAB001 sky ({__file__}) failed on alexnet: {why}"


def test_a_plug_in_may_hold_a_rule_alone(tmp_path: Path) -> None:
    file = tmp_path / "lab.py"
    file.write_text(
        "from imagenet_tools.diagnosis.finding import note, rule\n"
        "@rule('LAB001', 'lab', detected='d.', matters='m.', remedy='r.')\n"
        "def lab(passport):\n    'The lab has a word.'\n    yield note('a word', 'Said.')\n"
    )
    assert registry.load_plugin(file) == registry.load_plugin(file) == []
    assert finding.RULES["LAB001"].title == "The lab has a word"


def test_rules_are_muted_by_code_or_name() -> None:
    assert finding.muted(["IMG104", "zoom"]) == {"IMG104", "IMG101"}
    with pytest.raises(LookupError, match="no rule zom. Did you mean zoom"):
        finding.muted(["zom"])


def test_every_rule_has_a_planted_fault() -> None:
    wanted = {code for code in finding.RULES if code < "IMG4"} - OTHERS
    assert wanted == set(planted.FAULTS.values()), "plant a fault in tests/faulty_preprocessing.py"


def test_the_page_is_written_from_the_rules() -> None:
    assert [code for code in finding.RULES if f"### {code} " not in page.text()] == []
    assert PAGE.read_text().strip() == page.text().strip(), (
        "write it anew: python -m imagenet_tools.diagnosis.page > docs/reference/diagnosis.md"
    )


@pytest.mark.parametrize(
    ("mirrored", "found", "title"),
    [
        (25, 25, "training mirrors every image"),
        (12, 12, "training mirrors every image"),
        (24, 25, "training mirrors nearly all images"),
        (21, 25, None),  # one in 2,000 pipelines that mirror half of the images
        (11, 12, None),
    ],
)
def test_mirror_images_are_half_but_for_luck(mirrored: int, found: int, title: str | None) -> None:
    train = SimpleNamespace(mirrored=mirrored / found, found=found)
    passport = SimpleNamespace(train=train, eval=SimpleNamespace(mirrored=0.0))
    said = [one.title for one in rules.draws.always_mirrored(passport)]
    assert said == ([] if title is None else [title])


@pytest.mark.parametrize(
    ("varies", "mirrored", "title"),
    [
        (False, 0.0, "training draws nothing"),
        (False, 1.0, "training draws nothing"),
        (True, 1.0, "training draws once an image, and no more"),
        (False, 0.5, "training draws once an image, and no more"),
    ],
)
def test_what_an_image_alone_decides_is_no_draw(varies: bool, mirrored: float, title: str) -> None:
    values = SimpleNamespace(repeats=True, retraced=False, same_as_eval=False)
    train = SimpleNamespace(place_varies=varies, mirrored=mirrored)
    (said,) = rules.draws.no_augmentation(SimpleNamespace(values=values, train=train))
    assert (said.severity, said.title) == ("warning", title)


@pytest.mark.parametrize(("orders", "seen"), [(("RGB",), False), (("RGB", "grey"), True)])
def test_an_evaluation_in_grey_is_another_order_unless_training_draws_grey(
    orders: tuple[str, ...], seen: bool
) -> None:
    train = SimpleNamespace(
        channels="RGB", orders=orders, placed=True, found=25, mirrored=0.5,
        levels=SimpleNamespace(flat=False),
    )  # fmt: skip
    look = SimpleNamespace(channels="grey")
    passport = SimpleNamespace(train=train, eval=look, drawn=True)
    said = [one.title for one in rules.colour.channel_order(passport)]
    assert said == ([] if seen else ["channels are RGB in training and grey at evaluation"])


@pytest.mark.parametrize(("draws", "pairs"), [(5, ()), (24, ("height and side of the crop",))])
def test_five_windows_in_order_are_luck(draws: int, pairs: tuple[str, ...]) -> None:
    """One in 60 pipelines that draw a window five times has them so (2 of 5! orders)."""
    places = [
        Placement((1.0, 1.0), (4.0 * i, 9.0 * i), (50.0, 50.0), False, False, False, 1.0)
        for i in range(draws)
    ]
    assert windows.tied(places) == pairs


@pytest.mark.parametrize(
    ("one_draw", "pairs"), [(True, ("mirror image and brightness",)), (False, ())]
)
def test_mirror_images_that_are_dark_come_from_one_draw(
    one_draw: bool, pairs: tuple[str, ...]
) -> None:
    """As where one seed is given to every stateless operation; the crop is the same in all."""
    mirrored = [i % 2 == 0 for i in range(24)]
    dark = mirrored if one_draw else [i % 4 < 2 for i in range(24)]
    places = [
        Placement((1.0, 1.0), (9.0, 9.0), (50.0, 50.0), False, flip, False, 1.0, 0.0,
                  i / 24 - low, 1.0)
        for i, (flip, low) in enumerate(zip(mirrored, dark, strict=True))
    ]  # fmt: skip
    assert windows.tied(places) == pairs
