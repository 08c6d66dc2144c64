"""imgtools: ImageNet TFRecords, exact preprocessing pipelines, and a verdict that holds.

The commands, as functions: paths and names in, a typed result out.

    import imagenet_tools

    imagenet_tools.build_tfrecords("raw", "records")
    imagenet_tools.train("records", "runs/one", preprocessing="alexnet")
    imagenet_tools.evaluate("records", "runs/one").top1

Each is imported when it is first asked for, so that `import imagenet_tools` stays cheap.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagenet_tools.comparison.compare import compare_preproc as compare_preproc
    from imagenet_tools.comparison.verdicts import verdict as verdict
    from imagenet_tools.diagnosis import diagnose as diagnose
    from imagenet_tools.diagnosis.contract import check as check_preproc
    from imagenet_tools.evaluation.evaluate import evaluate as evaluate
    from imagenet_tools.evaluation.prediction import predict as predict
    from imagenet_tools.evaluation.saved_model import export as export
    from imagenet_tools.records.builder import build_tfrecords as build_tfrecords
    from imagenet_tools.records.descriptions import describe_records as describe_records
    from imagenet_tools.records.inspection import inspect as inspect
    from imagenet_tools.records.reader import open_records as open_records
    from imagenet_tools.records.repairer import repair_tfrecords as repair_tfrecords
    from imagenet_tools.records.verifier import verify as verify_tfrecords
    from imagenet_tools.registry import get as get_preprocessing
    from imagenet_tools.registry import names as list_preproc
    from imagenet_tools.training.batches import batches as batches
    from imagenet_tools.training.recipes import recipe as recipe
    from imagenet_tools.training.run import train as train

# Name -> the module that has it, and its name there.
_FUNCTIONS = {
    "inspect": ("records.inspection", "inspect"),
    "build_tfrecords": ("records.builder", "build_tfrecords"),
    "verify_tfrecords": ("records.verifier", "verify"),
    "repair_tfrecords": ("records.repairer", "repair_tfrecords"),
    "open_records": ("records.reader", "open_records"),
    "describe_records": ("records.descriptions", "describe_records"),
    "get_preprocessing": ("registry", "get"),
    "list_preproc": ("registry", "names"),
    "check_preproc": ("diagnosis.contract", "check"),
    "diagnose": ("diagnosis", "diagnose"),
    "batches": ("training.batches", "batches"),
    "recipe": ("training.recipes", "recipe"),
    "train": ("training.run", "train"),
    "evaluate": ("evaluation.evaluate", "evaluate"),
    "predict": ("evaluation.prediction", "predict"),
    "export": ("evaluation.saved_model", "export"),
    "compare_preproc": ("comparison.compare", "compare_preproc"),
    "verdict": ("comparison.verdicts", "verdict"),
}
_LIGHT = ("records", "training.recipes", "comparison.verdicts")  # need no TensorFlow

__all__ = ["__version__", *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module(f"{__name__}.version").installed()
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _FUNCTIONS[name]
    if not module.startswith(_LIGHT) and "tensorflow" not in sys.modules:
        import_module(f"{__name__}.tensorflow_version").load()  # without its chatter
    return getattr(import_module(f"{__name__}.{module}"), function)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FUNCTIONS])
