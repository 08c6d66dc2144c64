"""TensorFlow 1 for the modules of a TF-Slim checkout, and for nobody else.

TF-Slim was written for TensorFlow 1 with tensorflow.contrib, and for an older NumPy. Its modules
get an `import` of their own: what they call `tensorflow` is tensorflow.compat.v1 with a
`contrib`, and their `numpy` has the names that NumPy 1.24 dropped. Everybody else, the registry's
pipelines among them, goes on with TensorFlow 2 as it is. Two things only are changed for the whole
process: TensorFlow's behaviour (disable_v2_behavior, which the newer checkouts call themselves),
and four names that tf_slim 1.1.0 looks for in control_flow_ops and no longer finds.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

# Missing in TensorFlow 2.21; used in tf_slim's data, metrics and layers.
_CONTROL_FLOW = ("case", "cond", "while_loop", "Assert")
_NUMPY_ALIASES = {"int": int, "float": float, "bool": bool, "object": object, "complex": complex}
# Fetches two files from the network where a data set has no labels.txt.
_LABELS_MODULE, _LABELS_FUNCTION = "datasets.imagenet", "create_readable_names_for_imagenet_labels"


def install(folder: Path) -> None:
    """Show TensorFlow 1 to every module that is imported from `folder` from now on."""
    if _finder(folder) is not None:
        return
    import tensorflow.compat.v1 as tf1

    tf1.disable_v2_behavior()
    control_flow_ops = importlib.import_module("tensorflow.python.ops.control_flow_ops")
    added = [name for name in _CONTROL_FLOW if not hasattr(control_flow_ops, name)]
    for name in added:
        setattr(control_flow_ops, name, getattr(tf1, name))
    sys.meta_path.insert(0, _Finder(folder, added))


def uninstall(folder: Path) -> None:
    """Take back what install() did, but for disable_v2_behavior and modules imported meanwhile."""
    finder = _finder(folder)
    if finder is None:
        return
    sys.meta_path.remove(finder)
    control_flow_ops = importlib.import_module("tensorflow.python.ops.control_flow_ops")
    for name in finder.added:
        delattr(control_flow_ops, name)


def script_globals(folder: Path) -> dict[str, Any]:
    """The globals that a script starts with so that it sees what the modules see."""
    finder = _finder(folder)
    if finder is None:
        raise LookupError(f"nothing is installed for {folder}")
    return {"__builtins__": finder.builtins}


def _finder(folder: Path) -> _Finder | None:
    finders = (one for one in sys.meta_path if isinstance(one, _Finder) and one.folder == folder)
    return next(finders, None)


class _Finder(MetaPathFinder):
    """Finds modules as Python does, and loads those of the folder with an import of their own."""

    def __init__(self, folder: Path, added: list[str]) -> None:
        self.folder = folder
        self.added = added
        self.builtins = {**vars(builtins), "__import__": _importer()}

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not spec.origin:
            return None
        if self.folder not in Path(spec.origin).resolve().parents:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path, self.builtins)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, own_builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self.own_builtins = own_builtins

    def exec_module(self, module: ModuleType) -> None:
        # CPython takes a module's built-ins, __import__ among them, from its globals.
        module.__dict__["__builtins__"] = self.own_builtins
        super().exec_module(module)
        if module.__name__ == _LABELS_MODULE and hasattr(module, _LABELS_FUNCTION):
            setattr(module, _LABELS_FUNCTION, _labels_to_names)


def _labels_to_names() -> dict[int, str]:
    """ImageNet's label -> words, from the package and not from the network."""
    from imagenet_tools import labels

    return dict(enumerate([labels.BACKGROUND, *labels.words().values()]))


def _importer() -> Callable[..., Any]:
    """The `__import__` of the checkout's modules."""
    tensorflow = _tensorflow()
    numpy = _View("numpy", _NUMPY_ALIASES)

    def import_module(
        name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        if level == 0 and name == "numpy":
            return numpy
        if level == 0 and (name == "tensorflow" or name.startswith("tensorflow.contrib")):
            return _inner(tensorflow, name.split(".")[1:]) if fromlist else tensorflow
        return builtins.__import__(name, globals, locals, fromlist, level)

    return import_module


def _inner(module: Any, path: list[str]) -> Any:
    """What a dotted path names: an attribute, or else a module still to be imported."""
    for part in path:
        if not hasattr(module, part):
            importlib.import_module(f"{module.__name__}.{part}")
        module = getattr(module, part)
    return module


class _View(ModuleType):
    """A module seen through another: its own names, and `added` where it has none."""

    def __init__(self, name: str, added: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__.update(_seen=importlib.import_module(name), _added=added)

    def __getattr__(self, name: str) -> Any:
        added = self.__dict__["_added"]
        try:
            return getattr(self.__dict__["_seen"], name)
        except AttributeError:
            if name not in added:
                raise
            return added[name]


def _tensorflow() -> ModuleType:
    import tensorflow as tf
    import tf_slim

    # `tf_slim.layers` as an attribute is a module inside this package, which has no group_norm.
    layers = importlib.import_module("tf_slim.layers")
    contrib = _Contrib("tensorflow.contrib")
    contrib.__dict__.update(
        slim=tf_slim,
        framework=tf_slim,
        layers=layers,
        training=SimpleNamespace(HParams=_HParams),
        util=SimpleNamespace(constant_value=tf.get_static_value),
        quantize=SimpleNamespace(create_training_graph=_quantize, create_eval_graph=_quantize),
    )
    view = _View("tensorflow.compat.v1", {"contrib": contrib})
    view.__name__ = "tensorflow"
    return view


class _Contrib(ModuleType):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"tensorflow.contrib.{name} is gone with TensorFlow 1; imgtools stands in for slim, "
            f"framework, layers, training.HParams and util.constant_value only"
        )


class _HParams(SimpleNamespace):
    """contrib.training.HParams as far as TF-Slim's nets use it."""

    def set_hparam(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    add_hparam = set_hparam

    def values(self) -> dict[str, Any]:
        return dict(vars(self))


def _quantize(*_: Any, **__: Any) -> None:
    raise ValueError(
        "tensorflow.contrib.quantize is gone with TensorFlow 1 and nothing takes its place: "
        "leave out --quantize and --quantize_delay"
    )
