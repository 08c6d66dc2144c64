"""The schema and the framing, against TensorFlow's own and TF-Slim's own records."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from PIL import Image
from tiny_raw import encoded, picture

from imagenet_tools import raw, records
from imagenet_tools.errors import DamagedData
from imagenet_tools.records import schema, tfrecord

FACTS = {
    "height": 24,
    "width": 300,
    "label": 231,
    "synset": "n02105855",
    "text": "Shetland sheepdog, Shetland sheep dog, Shetland",
    "filename": "n02105855_2933.JPEG",
}
BOXES = ((0.1, 0.2, 0.7, 0.8), (0.0, 0.25, 0.5, 1.0))


def test_a_record_is_what_tensorflow_parses() -> None:
    import tensorflow as tf

    image = bytes(range(256)) * 300  # lengths of one, two and three bytes in the varints
    record = schema.encode_example(image, **FACTS, boxes=BOXES, channels=1)
    example = tf.train.Example.FromString(record)
    found = example.features.feature
    assert len(found) == 16
    assert found[schema.HEIGHT].int64_list.value[:] == [24]
    assert found[schema.WIDTH].int64_list.value[:] == [300]
    assert found[schema.LABEL].int64_list.value[:] == [231]
    assert found[schema.SYNSET].bytes_list.value[:] == [b"n02105855"]
    assert found[schema.COLORSPACE].bytes_list.value[:] == [b"Grayscale"]
    assert found[schema.CHANNELS].int64_list.value[:] == [1]
    assert found[schema.ENCODED].bytes_list.value[:] == [image]
    np.testing.assert_allclose(found[schema.XMIN].float_list.value, [0.1, 0.0])
    np.testing.assert_allclose(found[schema.YMAX].float_list.value, [0.8, 1.0])
    assert found[schema.BOX_LABEL].int64_list.value[:] == [231, 231]
    assert found[schema.OBJECT_LABEL].int64_list.value[:] == [231, 231]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 2_100_000])
def test_lengths_of_any_size_read_back(size: int) -> None:
    record = schema.encode_example(b"x" * size, **FACTS)
    example = schema.decode_example(record)
    assert example[schema.ENCODED] == [b"x" * size]
    assert example[schema.XMIN] == [] and example[schema.FILENAME] == [b"n02105855_2933.JPEG"]
    assert record == schema.example_head(size, **FACTS) + b"x" * size


def test_what_is_no_example_is_refused() -> None:
    record = schema.encode_example(b"image", **FACTS)
    for broken in (b"", record[:40], b"\x08" + record[1:], b"not a record at all"):
        with pytest.raises(ValueError, match=r"tf\.train\.Example"):
            schema.decode_example(broken)


def test_framing_is_tensorflows(tmp_path: Path) -> None:
    import tensorflow as tf

    assert google_crc32c.value(b"123456789") == 0xE3069283  # RFC 3720's check value
    path = tmp_path / "train-00000-of-00001"
    written = [b"", b"one", b"two" * 1000]
    with open(path, "wb") as file:
        for data in written:
            before, after = tfrecord.frame(data[:2], data[2:])
            file.write(before + data + after)
    assert [item.numpy() for item in tf.data.TFRecordDataset(str(path))] == written
    assert [data for _, data in tfrecord.read(path)] == written
    assert list(tfrecord.sizes(path)) == [16, 19, 3016]
    theirs = tmp_path / "theirs"
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for data in written:
            writer.write(data)
    assert theirs.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("at", "reason"),
    [(3, "length does not hold"), (15, "data does not hold"), (-2, "data does not hold")],
)
def test_a_flipped_bit_is_found_where_it_is(tmp_path: Path, at: int, reason: str) -> None:
    path = tmp_path / "shard"
    before, after = tfrecord.frame(b"some data")
    data = bytearray(before + b"some data" + after)
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedData, match=f"shard: record 0 at byte 0: .*{reason}"):
        list(tfrecord.read(path))
    path.write_bytes(data[:20])


def test_a_cut_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    before, after = tfrecord.frame(b"some data")
    whole = before + b"some data" + after
    for kept in (5, 12, 20, len(whole) - 1):
        path.write_bytes(whole + whole[:kept])
        with pytest.raises(DamagedData, match=r"record 1 at byte 25: truncated"):
            list(tfrecord.read(path))


@pytest.fixture(scope="module")
def slim_raw(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slim")
    with tarfile.open(shared / "golden" / "slim_records" / "raw.tar") as archive:
        archive.extractall(folder, filter="data")
    return folder


def by_filename(folder: Path) -> dict[bytes, dict]:
    examples = [
        schema.decode_example(data)
        for path in sorted(folder.glob("*-of-*"))
        for _, data in tfrecord.read(path)
    ]
    return {example[schema.FILENAME][0]: example for example in examples}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def test_records_equal_tf_slims(warm: None, shared: Path, slim_raw: Path, tmp_path: Path) -> None:
    """Every key of every record; the PNG and the CMYK file, re-encoded, have equal pixels."""
    raw_set = raw.detect(slim_raw / "raw", boxes=str(slim_raw / "bbox.csv"))
    settings = records.Settings(slim_compat=True)
    manifest = records.build(raw_set, tmp_path / "out", workers=1, settings=settings)
    assert len(manifest.converted) == 2
    theirs = by_filename(shared / "golden" / "slim_records")
    ours = by_filename(tmp_path / "out")
    assert set(ours) == set(theirs) and len(ours) == 18
    reencoded = 0
    for name, example in theirs.items():
        mine = ours[name]
        assert set(mine) - set(example) == {schema.OBJECT_LABEL}
        assert mine[schema.OBJECT_LABEL] == example[schema.BOX_LABEL]
        for key, value in example.items():
            if key == schema.ENCODED and mine[key] != value:
                reencoded += 1
                assert np.array_equal(pixels(mine[key][0]), pixels(value[0]))
            else:
                assert mine[key] == value, (name, key)
    assert reencoded <= 2


def test_grey_images_are_called_grey_by_default(slim_raw: Path, tmp_path: Path) -> None:
    raw_set = raw.detect(slim_raw / "raw")
    records.build(raw_set, tmp_path / "out", workers=1)
    grey = by_filename(tmp_path / "out")[b"n04254680_1.JPEG"]
    assert grey[schema.CHANNELS] == [1] and grey[schema.COLORSPACE] == [b"Grayscale"]


def test_tf_slims_decoder_reads_jpeg_and_raw_records(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf
    from tf_slim.data import tfexample_decoder

    # tf_slim 1.1.0 looks for both where newer TensorFlows no longer keep them.
    for name in ("case", "cond"):
        function = getattr(tf.compat.v1, name)
        monkeypatch.setattr(tfexample_decoder.control_flow_ops, name, function, raising=False)
    data = encoded(picture(1))
    raw_pixels = picture(1).tobytes()
    for stored, name, shape in ((data, b"JPEG", None), (raw_pixels, b"RAW", (24, 32, 3))):
        record = schema.encode_example(
            stored, **{**FACTS, "width": 32}, image_format=name, boxes=BOXES
        )
        decoder = tfexample_decoder.TFExampleDecoder(
            {
                schema.ENCODED: tf.io.FixedLenFeature((), tf.string),
                schema.FORMAT: tf.io.FixedLenFeature((), tf.string),
                schema.LABEL: tf.io.FixedLenFeature([], tf.int64),
                schema.OBJECT_LABEL: tf.io.VarLenFeature(tf.int64),
            },
            {
                "image": tfexample_decoder.Image(schema.ENCODED, schema.FORMAT, shape=shape),
                "label": tfexample_decoder.Tensor(schema.LABEL),
                "object": tfexample_decoder.Tensor(schema.OBJECT_LABEL),
            },
        )
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tensors = decoder.decode(tf.constant(record), ["image", "label", "object"])
            image, label, objects = session.run(tensors)
        assert label == 231 and objects.tolist() == [231, 231]
        expected = np.asarray(picture(1)) if name == b"RAW" else tf.io.decode_jpeg(data).numpy()
        np.testing.assert_array_equal(image, expected)
