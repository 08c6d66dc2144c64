"""imgtools: ImageNet TFRecords, exact preprocessing pipelines, and a verdict that holds.

The commands, as functions:

    import imagenet_tools

    imagenet_tools.train("records", "runs/one", preprocessing="alexnet")
    imagenet_tools.evaluate("records", "runs/one").top1

Each is imported when it is first asked for, so that `import imagenet_tools` stays cheap.
"""

from importlib import import_module
from typing import Any

# Command -> the module that has it, and its name there.
_FUNCTIONS = {
    "detect_raw": ("raw", "detect"),
    "build_tfrecords": ("records", "build"),
    "verify_tfrecords": ("records", "verify"),
    "repair_tfrecords": ("records", "repair"),
    "inspect": ("records.inspection", "inspect"),
    "get_preprocessing": ("registry", "get"),
    "list_preproc": ("registry", "names"),
    "check_preproc": ("diagnosis.contract", "check"),
    "recipe": ("training.recipes", "recipe"),
    "train": ("training.run", "train"),
    "evaluate": ("evaluation.evaluate", "evaluate"),
    "predict": ("evaluation.prediction", "predict"),
    "export": ("evaluation.saved_model", "export"),
    "diagnose": ("diagnosis", "diagnose"),
    "make_plan": ("comparison.plan", "make"),
    "compare_preproc": ("comparison.compare", "compare"),
    "verdict": ("comparison.verdicts", "verdict"),
}

__all__ = ["__version__", *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("imgtools")
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _FUNCTIONS[name]
    return getattr(import_module(f"{__name__}.{module}"), function)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FUNCTIONS])
