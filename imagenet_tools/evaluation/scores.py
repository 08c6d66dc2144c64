"""What a net says of each image, the likeliest classes and the rank of the true one, as a file.

Read and judged without TensorFlow; ranks.py makes it of logits.
"""

from __future__ import annotations

import errno
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.storage.write import write_saved

TOP = 5
UNRANKED = int(np.iinfo(np.int32).max)  # the rank where scores are NaN or infinite
FEW = 4  # images of one picture may be in a set
SAME = 0.05  # share of images with the same scores, to the bit, above which it is said
SATURATED = 0.01  # share of images that are wrong with certainty, above which it is said
CERTAIN = 1 - 1e-6  # which softmax rounds to 1, or to a hair below it on some processors
MOST = 1.004  # that an image's probabilities sum to, each rounded to the 8 digits of bfloat16
# Of a probability, and beside it, by which two of equal scores may differ where float16 holds them.
ROUNDING, TINY = 2e-3, 1e-7


@dataclass(frozen=True)
class Predictions:
    """Per image, in the order of the records.

    key: synset/filename.
    label: int32.
    top5: int32 [n, 5], likeliest first.
    probability: float32 [n, 5].
    true_probability: float32 [n], of the label.
    rank: int32 [n], how many other classes score as high as the label or higher (0: top-1 is
        right), UNRANKED where a score is not finite; probabilities and loss are NaN there.
    loss: float32 [n], nats; None in files written before there was one.
    group: int32 [n], one number for images that show one picture (records.alike); None likewise.
    """

    key: np.ndarray
    label: np.ndarray
    top5: np.ndarray
    probability: np.ndarray
    true_probability: np.ndarray
    rank: np.ndarray
    loss: np.ndarray | None = None
    group: np.ndarray | None = None

    @property
    def correct(self) -> np.ndarray:
        """bool [n]: top-1 is right."""
        return np.asarray(self.rank == 0)

    @property
    def unranked(self) -> np.ndarray:
        """bool [n]: the net's scores are NaN or infinite."""
        return np.asarray(self.rank == UNRANKED)

    @property
    def losses(self) -> np.ndarray:
        """Float [n], nats; of files without it the loss of the probability, at most 69."""
        if self.loss is not None:
            return self.loss
        kind = np.promote_types(self.true_probability.dtype, np.float32)  # float16 has no 1e-30
        return np.asarray(-np.log(np.maximum(self.true_probability.astype(kind), 1e-30)))


def doubts(predicted: Predictions) -> list[str]:
    """What makes these predictions no measure of a net: not finite, constant or saturated."""
    n = len(predicted.label)
    said = []
    bad = np.flatnonzero(predicted.unranked)
    if len(bad):
        said.append(
            f"the scores of {len(bad)} of {n} images are NaN or infinite, first "
            f"{predicted.key[bad[0]]}; they count as wrong, and loss and calibration have no value"
        )
    rows = np.concatenate([predicted.probability, predicted.top5], axis=1)
    alike, counts = np.unique(rows, axis=0, return_counts=True)
    counts[(alike[:, 0] >= CERTAIN) & (counts < n)] = 0  # all that is certain is alike
    most = 0 if len(bad) else int(counts.max(initial=0))
    if most > 1 and (most == n or most > max(SAME * n, FEW)):
        flat = not np.ptp(alike[counts.argmax()][: predicted.probability.shape[1]])
        same = ", and every class the same" if flat else ""
        share = "all" if most == n else f"{most} of"
        said.append(f"{share} {n} images get the same scores{same}: the net does not see its input")
    certain = int(np.sum((predicted.probability[:, 0] >= CERTAIN) & ~predicted.correct))
    if certain > SATURATED * n:
        said.append(
            f"{certain} of {n} images get a wrong class with a probability of 1: the scores are "
            "saturated, as with inputs of another scale than in training"
        )
    return said


def place_for(path: str | os.PathLike[str]) -> Path:
    """Where predictions are to be written, its folder made. Raises OSError for one that cannot be
    written to, which is better known before the net is evaluated."""
    target = storage.place(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not storage.is_remote(target) and not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
    return target


def write_predictions(
    path: str | os.PathLike[str], predicted: Predictions, meta: dict[str, Any]
) -> None:
    """Write predictions and what they are of, atomically."""
    target = place_for(path)
    arrays = {name: value for name, value in vars(predicted).items() if value is not None}
    arrays["meta"] = np.array(json.dumps(meta))
    write_saved(target, lambda file: np.savez_compressed(file, **arrays))


def read_predictions(path: str | os.PathLike[str]) -> tuple[Predictions, dict[str, Any]]:
    """Read what write_predictions wrote; nothing is unpickled.

    Raises DamagedData naming the file where it is not such a one, or cut.
    """
    names = ("key", "label", "top5", "probability", "true_probability", "rank")
    try:
        if not storage.is_remote(path):
            storage.size(path)  # a fifo that nobody writes to would be waited for
        with (
            storage.local_copy(path) as local,
            open(local, "rb") as file,  # NumPy leaves one open that it cannot read
            np.load(file, allow_pickle=False) as stored,
        ):
            meta = json.loads(str(stored["meta"]))
            arrays = {name: stored[name] for name in names}
            later = {name: stored.get(name, None) for name in ("loss", "group")}
        predicted = Predictions(**arrays, **later)
        _check(predicted, meta)
        return predicted, meta
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ELOOP):
            raise
        raise DamagedData(
            f"{path} cannot be read: {error.strerror}; remove it and evaluate again"
        ) from error
    except (
        *(ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error, MemoryError),  # of a shape that is out of all bounds
    ) as error:
        # NumPy would have what is no zip unpickled.
        reason = "it is no .npz" if "allow_pickle" in str(error) else error
        if "Object arrays" in str(error):
            reason = "it has an array of Python objects; give text as np.array(names, str)"
        raise DamagedData(
            f"{path} is no file of predictions, or damaged ({reason}); remove it and evaluate again"
        ) from None


def _check(predicted: Predictions, meta: object) -> None:
    """Raise ValueError unless the arrays are of one set of images, and of the kinds they should."""
    if not (isinstance(meta, dict) and isinstance(meta.get("recipe") or {}, dict)):
        raise ValueError(f"its meta is {str(meta)[:40]!r}")
    n = len(predicted.key)
    columns = (n, *predicted.top5.shape[1:])
    wanted = {"key": ("U", (n,)), "label": ("i", (n,)), "rank": ("i", (n,)), "loss": ("f", (n,)),
              "group": ("i", (n,)), "true_probability": ("f", (n,)), "top5": ("i", columns),
              "probability": ("f", columns)}  # fmt: skip
    for name, (kind, shape) in wanted.items():
        array = getattr(predicted, name)
        if array is not None and (array.dtype.kind, array.shape) != (kind, shape):
            raise ValueError(f"{name} is {array.dtype} {array.shape}")
    if len(columns) != 2 or not columns[1]:
        raise ValueError(f"top5 is {predicted.top5.shape}")
    if n and min(predicted.label.min(), predicted.rank.min()) < 0:
        raise ValueError("it has labels or ranks below 0")
    for name in ("probability", "true_probability"):
        if ((getattr(predicted, name) < 0) | (getattr(predicted, name) > 1 + 1e-5)).any():
            raise ValueError(f"{name} has values outside 0 to 1")
    likeliest = predicted.probability
    if (np.diff(likeliest, axis=1) > 0).any() or (likeliest.sum(axis=1) > MOST).any():
        raise ValueError("probability rises along the classes of an image, or sums to more than 1")
    if len(np.unique(predicted.key)) < n:
        raise ValueError("an image is there twice")
    _check_ranks(predicted)


def _check_ranks(predicted: Predictions) -> None:
    """Raise ValueError unless each rank is the place of the label in top5, behind its equals, and
    its probability the one that stands there."""
    chances, rank, label = predicted.probability, predicted.rank, predicted.label[:, np.newaxis]
    columns = chances.shape[1]
    listed = predicted.top5 == label
    place = np.where(listed.any(axis=1), listed.argmax(axis=1), columns)
    there = np.take_along_axis(chances, np.minimum(place, columns - 1)[:, np.newaxis], axis=1)
    there, own = there.astype(np.float64), predicted.true_probability
    lowest, highest = there * (1 - ROUNDING) - TINY, there * (1 + ROUNDING) + TINY
    behind = np.sum(chances >= lowest, axis=1) - 1  # the last that may be its equal
    fits = (rank >= place) & ((rank <= behind) | (behind == columns - 1))
    fits &= (own <= highest[:, 0]) & ((place == columns) | (own >= lowest[:, 0]))
    fits |= ~np.isfinite(chances).all(axis=1) | ~np.isfinite(own) | predicted.unranked
    if not fits.all():
        first = int(np.argmin(fits))
        raise ValueError(
            f"{predicted.key[first]} has class {predicted.label[first]}, rank {rank[first]} and "
            f"probability {own[first]:.4g}, and top5 {predicted.top5[first].tolist()} of "
            f"probability {', '.join(f'{one:.4g}' for one in chances[first])} says otherwise"
        )
