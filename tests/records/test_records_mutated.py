"""What is kept of damaged JPEGs, by the policy: benchmarks/mutated_jpegs.py in small."""

from __future__ import annotations

import pytest

from benchmarks.mutated_jpegs import decodes, kept, kinds, mutated, sound, warned

FILES = list(mutated(2))
# Markers inside a scan are not looked for: to find them takes as long as to copy the image.
UNSEEN = ("scan: ", "bytes ", "a hole", "a bit", "frame: another process")


def test_sound_images_are_kept_and_there_are_many_ways_to_damage_them() -> None:
    assert len(kinds()) >= 50
    for data in sound():
        for verify in ("structure", "decode"):
            found = kept(data, verify, "fail")
            assert found is not None and decodes(found.data) and not warned(found.data)


@pytest.mark.parametrize("on_damaged", ["skip", "repair"])
def test_decode_keeps_what_tensorflow_decodes_without_a_warning(on_damaged: str) -> None:
    found = [(kind, kept(data, "decode", on_damaged)) for kind, data in FILES]
    images = [(kind, one.data) for kind, one in found if one is not None]
    assert len(images) >= 20
    assert [kind for kind, data in images if warned(data) or not decodes(data)] == []


def test_structure_refuses_headers_that_tensorflow_refuses() -> None:
    for kind, data in FILES:
        found = kept(data, "structure", "skip")
        if found is not None and not kind.startswith(UNSEEN):
            assert decodes(found.data), kind
        if found is None:
            assert warned(data) or not decodes(data), kind
