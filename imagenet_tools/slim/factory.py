"""The registry in the place of TF-Slim's get_preprocessing: patch() and unpatch()."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from imagenet_tools.slim import checkout, tensorflow1

MODULE = "preprocessing.preprocessing_factory"
# Whose pipeline a name means that both have.
PREFERENCES = ("slim", "imgtools")
_MARK = "imgtools_original"
_log = logging.getLogger(__name__)


def patch(module: str = MODULE, *, prefer: str = "slim") -> None:
    """Let TF-Slim's preprocessing factory know every pipeline of the registry.

    Names that TF-Slim has stay its own, so that no run of yesterday changes; with prefer="imgtools"
    those that the registry knows too come from there. Names that it lacks (alexnet, alexnet_v2,
    plug-ins, specs like alexnet:lighting=0) come from the registry. Calling it again changes no
    more than the preference. Importing the factory calls tensorflow's disable_v2_behavior, as
    TF-Slim's own code does.

    module: where the factory is imported from. ImportError where it is not on sys.path, ValueError
    where what is found is not TF-Slim's or was changed in get_preprocessing.
    """
    if prefer not in PREFERENCES:
        raise ValueError(f"prefer={prefer!r}: choose from {', '.join(PREFERENCES)}")
    folder = _folder(module)
    checkout.read(folder)
    # Before TF-Slim is imported: a pipeline must not meet what TF-Slim calls tensorflow.
    _registry()
    tensorflow1.install(folder)
    factory = importlib.import_module(module)
    original = getattr(factory.get_preprocessing, _MARK, factory.get_preprocessing)
    factory.get_preprocessing = _both(original, prefer)  # type: ignore[attr-defined]


def unpatch(module: str = MODULE) -> None:
    """Give TF-Slim its own get_preprocessing back; nothing where it was not patched."""
    factory = sys.modules.get(module)
    original = getattr(getattr(factory, "get_preprocessing", None), _MARK, None)
    if factory is None or original is None:
        return
    factory.get_preprocessing = original  # type: ignore[attr-defined]
    tensorflow1.uninstall(_folder(module))


def _folder(module: str) -> Path:
    """The checkout that a factory belongs to, without running the factory."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        origin = loaded.__file__
    else:
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            spec = None
        origin = spec.origin if spec is not None else None
    if origin is None:
        raise ImportError(
            f"there is no {module} on sys.path; put TF-Slim's folder there first: "
            f"sys.path.insert(0, '.../research/slim')"
        )
    return Path(origin).resolve().parents[1]


def _registry() -> ModuleType:
    """Our own door with TF-Slim's names, and all that a pipeline needs, imported."""
    from imagenet_tools import registry
    from imagenet_tools.preprocessing import preprocessing_factory

    importlib.import_module("imagenet_tools.pipelines.pipeline")
    registry.names()
    door: ModuleType = preprocessing_factory
    return door


def _meaning(name: str, door: str) -> str:
    """Which pipeline a name stands for, in a few words."""
    if door == "TF-Slim":
        return "TF-Slim's own"
    from imagenet_tools import registry

    pipeline = registry.get(_registry().MODELS.get(name, name))
    return f"imgtools' {pipeline.spec}, fingerprint {pipeline.fingerprint}"


def _both(original: Callable[..., Any], prefer: str) -> Callable[..., Any]:
    """get_preprocessing over TF-Slim's names and the registry's, with TF-Slim's contract."""
    ours = _registry().get_preprocessing
    knows_gray = "use_grayscale" in inspect.signature(original).parameters

    def get_preprocessing(
        name: str, is_training: bool = False, use_grayscale: bool = False
    ) -> Callable[..., Any]:
        # Older checkouts have no use_grayscale; it is passed on where it matters.
        gray = {"use_grayscale": use_grayscale} if knows_gray or use_grayscale else {}
        doors = {
            "TF-Slim": lambda: original(name, is_training, **gray),
            "imgtools": lambda: ours(name, is_training, use_grayscale),
        }
        order = ["imgtools", "TF-Slim"] if prefer == "imgtools" else ["TF-Slim", "imgtools"]
        refusals = {}
        for door in order:
            try:
                function: Callable[..., Any] = doors[door]()
            except ValueError as error:
                refusals[door] = error
                continue
            _log.info("preprocessing %s: %s", name, _meaning(name, door))
            return function
        # TF-Slim's message says no more than the name.
        raise refusals["imgtools"]

    setattr(get_preprocessing, _MARK, original)
    return get_preprocessing
