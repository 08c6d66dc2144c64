"""Builds that are stopped, raw images that are replaced, shards that are damaged, in any order: a
finished folder equals a fresh build of the raw images of now, or the difference is named."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tiny_raw import build, contents, encoded, make_raw, picture

from imagenet_tools import raw, records
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.records.shard import ShardResult, ShardTask, build_shard

BUILD = importlib.import_module("imagenet_tools.records.builder")
SHARDS = [f"train-{at:05d}-of-00004" for at in range(4)]
SKIP = records.Settings(on_damaged="skip")


class Folder(RuleBasedStateMachine):
    @initialize(shards=st.integers(1, 6), at=st.integers(0, 14), seed=st.integers(500, 520))
    def begin(self, shards: int, at: int, seed: int) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.raw, self.out = make_raw(self.place / "raw", train=3, validation=2), self.place / "out"
        self.images = sorted(self.raw.rglob("*.JPEG"))
        self.replaced = self.damaged = False  # since the folder was finished
        self.stop(shards)
        self.replace(at, seed, True)

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @property
    def finished(self) -> bool:
        return (self.out / records.NAME).exists()

    @rule(shards=st.integers(0, 5))
    @precondition(lambda self: not self.finished)
    def stop(self, shards: int) -> None:
        left = iter(range(shards))

        def stopping(task: ShardTask) -> ShardResult:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return build_shard(task)

        with (
            mock.patch.object(BUILD, "build_shard", stopping),
            contextlib.suppress(KeyboardInterrupt),
        ):
            self.build()

    @rule()
    def build(self) -> None:
        try:
            build(raw.detect(self.raw), self.out, settings=SKIP)
        except ValueError as error:
            assert (
                self.replaced and "no longer those it was built from" in str(error) or self.damaged
            )
            shutil.rmtree(self.out)  # the remedy that the message names
            self.damaged = False
            build(raw.detect(self.raw), self.out, settings=SKIP)
        self.replaced = False  # or by nothing that can be told from what is there

    @rule(at=st.integers(0, 14), seed=st.integers(500, 520), whole=st.booleans())
    def replace(self, at: int, seed: int, whole: bool) -> None:
        data = encoded(picture(seed))
        data = data if whole else data[:-40]
        if data != self.images[at].read_bytes():
            self.images[at].write_bytes(data)
            self.replaced = self.finished

    @rule(at=st.integers(0, 14), seed=st.integers(500, 520), after=st.integers(1, 6))
    def replace_in_the_midst(self, at: int, seed: int, after: int) -> None:
        """What was written by then is built anew, or the image is read as it is."""
        turns = iter(range(1, 7))
        if self.finished:
            shutil.rmtree(self.out)
            self.replaced = self.damaged = False

        def replacing(task: ShardTask) -> ShardResult:
            result = build_shard(task)
            if next(turns) == after:
                self.replace(at, seed, True)
            return result

        with mock.patch.object(BUILD, "build_shard", replacing):
            try:
                self.build()
            except Unfinished as error:
                assert "no longer those that were read" in str(error) and not self.finished
        self.build()

    @rule(file=st.sampled_from(SHARDS))
    @precondition(lambda self: (self.out / "train-00000-of-00004").exists())
    def damage(self, file: str) -> None:
        path = self.out / file
        if path.exists():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
            self.damaged = self.damaged or self.finished

    @rule()
    @precondition(lambda self: self.finished and self.damaged)
    def repair(self) -> None:
        found = raw.detect(self.raw)
        if self.replaced:
            try:
                records.repair(self.out, found, workers=1)
            except DamagedData:
                return  # the raw images of a damaged shard are others now
        else:
            assert not records.repair(self.out, found, workers=1).after.problems
        self.damaged = False

    @invariant()
    def a_finished_folder_is_a_fresh_build(self) -> None:
        if self.finished and not self.replaced and not self.damaged:
            fresh = self.place / "fresh"
            build(raw.detect(self.raw), fresh, settings=SKIP)
            assert contents(self.out) == contents(fresh)
            shutil.rmtree(fresh)


Folder.TestCase.settings = settings(
    max_examples=12, stateful_step_count=8, deadline=None, database=None, derandomize=True
)
test_folders = Folder.TestCase
