"""What a recipe or a configuration file may not say: exit code 2, with file, line and what is
wanted. Nothing of it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NO_YAML = "line 1: lines of `field: value` are wanted"
# What the file holds (text, or bytes as they are), and what is said behind its name.
EITHER: dict[str, tuple[str | bytes, str]] = {
    "a list": ("- a\n- b\n", NO_YAML),
    "a word": ("alexnet\n", NO_YAML),
    "a number": ("3.5\n", NO_YAML),
    "two documents": ("epochs: 1\n---\nepochs: 2\n", "line 2: but found another document"),
    "a tab": ("epochs: 2\n\tseeds: 3\n", "line 2: found character '\\\\t'"),
    "an open bracket": ("a: [1, 2\n", "line (1|2): (expected|did not find)"),
    "an open quote": ('a: "x\n', "line (1|2): found unexpected end"),
    "an open brace": ("a: {b: 1\n", "line (1|2): "),
    "no colon": ("epochs 3\nseeds: 2\n", "line (1|2): "),
    "an indented field": ("epochs: 1\n  seeds: 2\n", "line 2: mapping values are not allowed"),
    "a field twice": ("epochs: 1\n\nepochs: 2\n", "line 3: epochs is given twice, on line 1"),
    "an anchor": ("epochs: &e 1\n", "line 1: the anchor 'e' is not taken"),
    "an alias": ("epochs: *e\n", "line 1: the anchor 'e' is not taken"),
    "a merge key": ("<<: {epochs: 1}\n", "line 1: unknown (recipe field|option) '?<<"),
    "a number for a field": ("3: 4\n", "line 1: a field's name is wanted, not 3"),
    "a list for a field": ("? [a, b]\n: 1\n", "line 1: a field's name is wanted"),
    "a bomb": ("a: &a [x, x]\nb: &b [*a, *a]\n", "line 1: the anchor 'a' is not taken"),
    "a python object": (
        "epochs: !!python/object/apply:os.system ['touch ran']\n",
        "line 1: the tag '!!python/object/apply:os.system' is not taken",
    ),
    "a tag": ("epochs: !mine 3\n", "line 1: the tag '!mine' is not taken"),
    "a tag of YAML's own": ("epochs: 1\nseeds: !!int x\n", "line 2: the tag '!!int' is not taken"),
    "a set": ("!!set {epochs}\n", "line 1: the tag '!!set' is not taken"),
    "deeply nested": ("a: " + "[" * 5000, "nested too deeply|line 1: "),
    "latin-1": ("# caf\xe9\nepochs: 1\n".encode("latin-1"), "line 1: the byte 0xe9 is not UTF-8"),
    "UTF-16": ("epochs: 1\n".encode("utf-16"), "line 1: the byte 0xff is not UTF-8"),
    "UTF-32": ("epochs: 1\n".encode("utf-32"), "line 1: the byte 0xff is not UTF-8"),
    "a NUL": (b"epochs: 1\nseeds: \0\n", "line 2: a character that YAML does not allow"),
    "an escape": (b"epochs: \x1b[0m\n", "line 1: a character that YAML does not allow"),
}
RECIPE: dict[str, tuple[str | bytes, str]] = {
    "half a batch": ("batch_size: 3.5\n", "line 1: batch_size is 3.5; it must be a whole number"),
    "a batch of true": ("batch_size: true\n", "line 1: batch_size is True; it must be a whole"),
    "a batch of 1e3": ("batch_size: 1e3\n", "line 1: batch_size is 1000.0; it must be a whole"),
    "a batch in words": ("batch_size: ten\n", "line 1: batch_size is 'ten'"),
    "a batch in quotes": ('batch_size: "8"\n', "line 1: batch_size is '8'"),
    "a negative batch": ("batch_size: -8\n", "line 1: batch_size is -8"),
    "sexagesimal": ("epochs: 1:30\n", "line 1: epochs is '1:30'; it must be a number above 0"),
    "infinity": ("epochs: .inf\n", "line 1: epochs is inf"),
    "not a number": ("# one\nlearning_rate: .nan\n", "line 2: learning_rate is nan"),
    "no epochs": ("epochs: 0\n", "line 1: epochs is 0; it must be a number above 0"),
    "octal": ("epochs: 010\n", "line 1: epochs is '010'"),
    "hexadecimal": ("epochs: 0x10\n", "line 1: epochs is '0x10'"),
    "with a comma": ("learning_rate: 0,01\n", "line 1: learning_rate is '0,01'"),
    "with a unit": ("epochs: 90 epochs\n", "line 1: epochs is '90 epochs'"),
    "a date": ("epochs: 2024-01-01\n", "line 1: epochs is '2024-01-01'"),
    "null": ("epochs:\n", "line 1: epochs is None"),
    "a list of one": ("epochs: [3]\n", r"line 1: epochs is \[3\]"),
    "a mapping": ("epochs: {a: 3}\n", "line 1: epochs is {'a': 3}"),
    "a thousand digits": ("batch_size: " + "9" * 999, "line 1: batch_size is 9+"),
    "epochs of a thousand digits": ("epochs: " + "9" * 999, "line 1: epochs is 9+"),
    "too many digits": ("batch_size: " + "9" * 5000, "line 1: batch_size is '9+"),
    "a probability of 2": ("dropout_keep_prob: 2\n", "line 1: dropout_keep_prob is 2"),
    "a momentum of 1.5": ("momentum: 1.5\n", "line 1: momentum is 1.5; .* from 0 to below 1"),
    "a rate beyond float32": (
        "learning_rate: 1e-46\n",
        "line 1: learning_rate is 1e-46; .* be 0 or a number of size 1e-30 to 3.4e.38",
    ),
    "a decay beyond it": (
        "weight_decay: 1.0e+39\n",
        "line 1: weight_decay is 1e.39; .* of size 1e-30",
    ),
    "a rate of 0": ("learning_rate: 0\n", "line 1: learning_rate is 0; .* a number above 0"),
    "averages that never move": (
        "epochs: 2\nmoving_average_decay: 1.0\n",
        "line 2: moving_average_decay is 1.0; .* below 1",
    ),
    "targets that are all alike": (
        "label_smoothing: 1\n",
        "line 1: label_smoothing is 1; .* below 1",
    ),
    "a power above 0": ("ftrl_learning_rate_power: 1\n", "line 1: ftrl.*; .* 0 or less"),
    "a flag of 1": ("nesterov: 1\n", "line 1: nesterov is 1; it must be true or false"),
    "yes": ("epochs: yes\n", "line 1: epochs is 'yes'"),
    "an optimizer of one's own": ("optimizer: lion\n", "line 1: optimizer is 'lion'; .* sgd"),
    "another case": ("optimizer: Adam\n", "line 1: optimizer is 'Adam'"),
    "an optimizer of true": ("optimizer: true\n", "line 1: optimizer is True"),
    "a typo": ("# mine\n\nlearning_rat: 0.1\n", "line 3: .*Did you mean learning_rate"),
    "dashes": ("batch-size: 8\n", "line 1: .*Did you mean batch_size"),
}
CONFIG: dict[str, tuple[str | bytes, str]] = {
    "half a seed": ("seeds: 2.5\n", "line 1: seeds: 2.5 is not a whole number"),
    "seeds of true": ("seeds: true\n", "line 1: seeds: True is not a whole number"),
    "a margin in words": ("margin: wide\n", "line 1: margin: 'wide' is not a valid float"),
    "a margin of infinity": ("margin: .inf\n", "line 1: margin: inf is no finite number"),
    "a flag of 1": ("ten_crop: 1\n", "line 1: ten_crop: 1 is not true or false"),
    "null": ("epochs:\n", "line 1: epochs: None is not a number"),
    "a list for a number": ("epochs: [3]\n", r"line 1: epochs: \[3\] is not a number"),
    "one plug-in": ("plugin: nowhere.py\n", "line 1: plugin: File 'nowhere.py' does not exist"),
    "a field in two spellings": ("no-matrix: true\nno_matrix: false\n", "line 2: no_matrix is gi"),
    "a list for a folder": ("out: [a]\n", r"line 1: out: \['a'\] is not text"),
    "a list for a recipe": ("recipe: [quick]\n", r"line 1: recipe: \['quick'\] is not text"),
    "a number for a slice": ("run_slice: 3\n", "line 1: run_slice: 3 is not text"),
    "nothing for a pipeline": ("pipelines: [vgg, ]\n", "two pipelines"),
    "null for a pipeline": ("pipelines: [vgg, null]\n", r"line 1: pip.* \['vgg', None\] is not a"),
    "no epochs": ("epochs: 0\n", "line 1: epochs: "),
    "a missing folder": ("data: nowhere\n", "line 1: data: Directory 'nowhere' does not exist"),
    "a recipe that is none": ("recipe: fast\n", "line 1: recipe: .*'fast'"),
    "a profile that is none": ("profile: slow\n", "line 1: profile: 'slow' is not one of"),
    "a typo": ("pipelnes: [alexnet, vgg]\n", "line 1: unknown option pipelnes. Did you mean pipe"),
    "one pipeline": ("pipelines: [alexnet]\n", "two pipelines"),
    "a pipeline that is none": ("pipelines: [alexnet, vgh]\n", "no pipeline 'vgh'. Did you mean"),
    "pipelines in a mapping": ("pipelines: {a: alexnet}\n", "pipeline"),
    "numbers for pipelines": ("pipelines: [1, 2]\n", "pipeline"),
}
CASES = [
    *(("recipe", name, *one) for name, one in (EITHER | RECIPE).items()),
    *(("config", name, *one) for name, one in (EITHER | CONFIG).items()),
]


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"), CASES, ids=[f"{kind}: {name}" for kind, name, *_ in CASES]
)
def test_the_line_is_named(
    kind: str,
    name: str,
    content: str | bytes,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    command = ["train", "--recipe", "mine.yaml", "--print-recipe"]
    if kind == "config":
        command = ["compare-preproc", "--config", "mine.yaml", "--plan-only"]
    pipelines = said.startswith(("two", "no", "pipeline"))  # checked last: plug-ins come before
    refused(command, 2, said if pipelines else f"mine.yaml(, |: ){said}")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "\ufeffepochs: 3\n", "epochs: 3.0\r\n", "epochs: 3e0 # three\n"]
)
def test_what_may_be_said(content: str, tmp_path: Path, capsys: Any) -> None:
    from imagenet_tools.training import recipes

    file = tmp_path / "mine.yaml"
    file.write_bytes(content.encode())
    assert recipes.recipe(file) == recipes.Recipe(**({"epochs": 3.0} if "3" in content else {}))
