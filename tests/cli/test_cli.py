"""What every command owes its user: help with an example, clear errors, exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from exit_codes import documented

from imagenet_tools.cli import main as cli_main
from imagenet_tools.cli import text
from imagenet_tools.comparison import plan
from imagenet_tools.errors import DamagedData, Stopped, Unfinished, near

PROJECT = Path(__file__).parents[2]
CONTEXT = click.Context(cli_main.program, info_name="imgtools", **cli_main.program.context_settings)
COMMANDS = cli_main.program.list_commands(CONTEXT)


def command(name: str) -> click.Command:
    found = cli_main.program.get_command(CONTEXT, name)
    assert found is not None
    return found


def test_commands_that_exist_from_the_start() -> None:
    wanted = {"build-tfrecords", "train", "eval", "compare-preproc", "list-preproc"}
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_runnable_example(name: str) -> None:
    text = (command(name).help or "").replace("\\\n", " ")
    assert "Example" in text, f"imgtools {name} has no example in its help"
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("imgtools")]
    assert lines, f"imgtools {name}: no line of its help starts with imgtools"
    for line in lines:
        parses(line)


def parses(line: str) -> None:
    """Check that click takes the line's options and arguments, without running it."""
    words = shlex.split(re.split(r" (?:\||>>?) ", line)[0], comments=True)[1:]
    words = [word for word in words if word != "\\"]
    if words[:1] and words[0] in ("--help", "--version", "-h"):
        return
    found = command(words[0])
    parser = found.make_parser(CONTEXT)
    options, _, _ = parser.parse_args(list(words[1:]))
    if found.context_settings.get("ignore_unknown_options"):
        return
    required = [p for p in found.params if isinstance(p, click.Argument) and p.required]
    present = [p for p in required if options.get(p.name)]
    assert len(present) == len(required), f"{line!r} lacks {[p.name for p in required]}"


def documented_lines() -> list[str]:
    """Of README and docs; CONTRIBUTING's are run in a copy, by tests/docs/test_contributing.py."""
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    lines = []
    for page in pages:
        text = page.read_text().replace("\\\n", " ")
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.M | re.S):
            lines += re.findall(r"^\s*\$? ?(imgtools [^\n]*)$", block, re.M)
    return sorted(set(lines))


@pytest.mark.parametrize("line", documented_lines())
def test_documented_commands_parse(line: str) -> None:
    parses(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_documentation(name: str) -> None:
    text = "".join(
        path.read_text() for path in [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    )
    assert f"imgtools {name}" in text


def test_every_command_is_in_a_group_of_the_help() -> None:
    grouped = [name for names in cli_main.GROUPS.values() for name in names.split()]
    assert sorted(grouped) == COMMANDS, "add the command to GROUPS in cli/main.py"


def test_imgtools_alone_says_where_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run([]) == 0
    assert "Where to begin:" in capsys.readouterr().out


def test_the_version_names_tensorflows(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["--version"]) == 0
    versions = [metadata.version(name) for name in ("imgtools", "tensorflow")]
    assert capsys.readouterr().out == "imgtools {}, TensorFlow {}\n".format(*versions)


def test_unknown_command_names_the_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["compare-preprocs"]) == 2
    assert "compare-preproc" in capsys.readouterr().err


def test_unexpected_error_is_one_line_unless_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("the cause")

    monkeypatch.setattr(command("list-preproc"), "callback", fail)
    assert cli_main.run(["list-preproc"]) == 1
    error = capsys.readouterr().err
    assert "RuntimeError: the cause" in error and "Traceback" not in error
    with pytest.raises(RuntimeError, match="the cause"):
        cli_main.run(["list-preproc", "--debug"])


def test_interrupt_says_how_to_resume(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command("list-preproc"), "callback", interrupt)
    assert cli_main.run(["list-preproc"]) == 130
    assert "imgtools list-preproc" in capsys.readouterr().err


def test_an_end_of_file_is_no_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(**_: object) -> None:
        raise EOFError("the file ends early")

    monkeypatch.setattr(command("list-preproc"), "callback", ends)
    assert cli_main.run(["list-preproc"]) == 1
    assert "EOFError: the file ends early" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, "Interrupted"), (signal.SIGTERM, "Told to end (SIGTERM)")]
)
def test_a_library_that_swallows_the_signal_is_still_interrupted(
    number: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def swallows(**_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(60)
        except KeyboardInterrupt:
            raise ImportError("numpy cannot be imported") from None

    monkeypatch.setattr(command("list-preproc"), "callback", swallows)
    before = signal.getsignal(number)
    assert cli_main.run(["list-preproc"]) == 128 + number
    assert signal.getsignal(number) is before
    error = capsys.readouterr().err
    assert said in error and error.endswith("To resume: imgtools list-preproc\n")


ERRORS: list[tuple[BaseException, int]] = [
    (ValueError("margin is -1"), 2),
    (LookupError("unknown recipe"), 2),
    (FileNotFoundError(2, "No such file", "x"), 2),
    (DamagedData("shard 3"), 3),
    (Unfinished("2 of 6 runs"), 4),
    (KeyboardInterrupt(), 130),
    (Stopped("step 40 is saved"), 143),
    (OSError(28, "No space left on device"), 1),
    (KeyError("arms"), 1),
    (MemoryError("3 GB"), 1),
]


@pytest.mark.parametrize("error, code", ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_has_one_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(command("list-preproc"), "callback", fail)
    assert cli_main.run(["list-preproc"]) == code


def test_the_page_of_what_goes_wrong_has_every_exit_code() -> None:
    """And no other; tests/faults asks it of each row of its tables."""
    told = [int(code) for code in re.findall(r"^  (\d+) ", cli_main.EXIT_CODES, re.M)]
    others = {0, 5}  # 5: tests/comparison/test_tables.py
    assert documented() == told == sorted({code for _, code in ERRORS} | others)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_is_one_line(number: signal.Signals) -> None:
    """At whatever instant: while Python imports click, or the command imports TensorFlow."""
    for delay in (0.05, 0.1, 0.2, 0.4, 0.8):
        process = subprocess.Popen(
            [sys.executable, "-m", "imagenet_tools", "list-preproc"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(delay)
        process.send_signal(number)
        _, said = process.communicate()
        if process.returncode == -number or "site" in said:
            continue  # Python itself had not begun
        assert process.returncode in (0, 128 + number), said
        assert "Traceback" not in said


def test_a_signal_while_a_class_is_made_has_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(
        "import os, time\n"
        "from imagenet_tools.cli import list_recipes, main\n"
        "def made(**_):\n"
        "    exec('os.kill(os.getpid(), 15); time.sleep(60)', globals())\n"
        "list_recipes.command.callback = made\n"
        "main.main(['list-recipes'])\n"
    )
    done = subprocess.run([sys.executable, "-m", "ends"], cwd=tmp_path, check=False)
    assert done.returncode == 143


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_in_a_callback_of_a_weak_reference_is_not_lost(
    tmp_path: Path, number: int, code: int
) -> None:
    """Python ignores what such a callback raises; its own imports have them."""
    (tmp_path / "ends.py").write_text(
        "import os, threading, time, weakref\n"
        "from imagenet_tools.cli import list_recipes, main\n"
        "start = threading.Thread.start\n"
        "def slow(self):\n"  # as on a busy machine, where the next came before one was ignored
        "    start(self)\n"
        "    time.sleep(0.5)\n"
        "threading.Thread.start = slow\n"
        "class Kept: pass\n"
        "def made(**_):\n"
        "    kept = Kept()\n"
        f"    other = weakref.ref(kept, lambda _: os.kill(os.getpid(), {number}))\n"
        "    del kept\n"
        "    time.sleep(60)\n"
        "list_recipes.command.callback = made\n"
        "main.main(['list-recipes'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ends"], cwd=tmp_path, check=False, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == code
    assert "ignored" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is(name: str) -> None:
    options = [one for one in command(name).params if isinstance(one, click.Option)]
    assert [one.opts[0] for one in options if not one.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_ranges_are_words(name: str) -> None:
    text = command(name).get_help(click.Context(command(name), info_name=name))
    assert "RANGE" not in text and "<=" not in text and ">=" not in text


def test_a_number_out_of_its_range_is_told_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(["plan", "--difference", "1", "--images", "0"]) == 2
    assert "0 is not in the range 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("plan", "Missing option '--difference'. See `imgtools plan --help`."),
        ("train --recipe quik", "Did you mean quick"),
        ("describe", "describe-model or describe-preproc or describe-records?"),
        ("nothing-like-it", "No such command 'nothing-like-it'. See `imgtools --help`."),
        ("compare-preprocs", "No such command 'compare-preprocs'. Did you mean compare-preproc"),
    ],
)
def test_wrong_use_is_one_line(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.run(line.split()) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("Error: ") and said in error


def test_an_image_has_a_size_by_one_name_everywhere() -> None:
    for name in COMMANDS:
        options = [one for one in command(name).params if "--size" in one.opts]
        assert all(one.opts[0] == "--image-size" for one in options), name


def test_underscores_in_options_are_taken() -> None:
    parses("imgtools build-tfrecords --raw x --out y --train_shards 4")


@pytest.mark.parametrize(
    "line, last, wanted",
    [
        ("", "describe-p", {"describe-preproc"}),
        ("describe-preproc", "incep", {"inception"}),
        ("describe-preproc", "alexnet+rand", {"alexnet+randaugment"}),
        ("train --recipe", "sl", {"slim"}),
        (
            "train --recipe",
            "mine.y",
            {"mine.y"},
        ),  # a file's beginning, which the shell goes on with
        ("train --model", "resnet_v2_1", {"resnet_v2_101", "resnet_v2_152"}),
        ("train", "--print-r", {"--print-recipe"}),
    ],
)
def test_a_shell_completes_what_imgtools_knows(line: str, last: str, wanted: set[str]) -> None:
    completer = ShellComplete(cli_main.program, {}, "imgtools", "_IMGTOOLS_COMPLETE")
    assert {one.value for one in completer.get_completions(line.split(), last)} == wanted


PRINTS = """
import os
import tensorflow as tf

def seen(image):
    print("from Python")
    os.write(1, b"from C\\n")
    return image

def preprocess_image(image, output_height, output_width, is_training=False):
    image = tf.ensure_shape(tf.numpy_function(seen, [image], tf.uint8), [None, None, 3])
    return tf.image.resize(tf.cast(image, tf.float32), [output_height, output_width])
"""


def test_stdout_is_the_jsons_alone(warm: None, tmp_path: Path) -> None:
    plugin = tmp_path / "prints.py"
    plugin.write_text(PRINTS)
    command = ["check-preproc", "prints", "--plugin", str(plugin), "--size", "32", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "imagenet_tools", *command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {one["outcome"] for one in json.loads(done.stdout)} == {"passed", "noted"}
    assert "from Python" in done.stderr and "from C" in done.stderr


def test_json_has_a_schema_and_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    text.print_json({"loss": math.nan, "top": [math.inf, 1.5], "own": {"a": (-math.inf,)}})
    wanted = {"schema": text.SCHEMA, "loss": None, "top": [None, 1.5], "own": {"a": [None]}}
    assert json.loads(capsys.readouterr().out) == wanted
    assert cli_main.run(["list-recipes", "--json"]) == 0
    assert "quick" in [one["name"] for one in json.loads(capsys.readouterr().out)]


def test_the_choices_of_a_comparison_are_the_plans() -> None:
    """A command imports nothing to make its help, so that it says them again."""
    choices = {one.name: one.type for one in command("compare-preproc").params}
    assert tuple(choices["profile"].choices) == tuple(plan.PROFILES)
    assert tuple(choices["precision"].choices) == plan.PRECISIONS


@pytest.mark.parametrize("name", COMMANDS)
def test_json_goes_through_one_door(name: str) -> None:
    source = (PROJECT / "cli" / f"{name.replace('-', '_')}.py").read_text()
    assert "json.dumps" not in source


def test_a_terminal_gets_sentences_wrapped_and_their_mark_in_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "alexnet is better than inception by 10.11 points of top-1."
    monkeypatch.setenv("COLUMNS", "40")
    text.tell(words, "VERDICT", "green")
    assert capsys.readouterr().out == f"VERDICT  {words}\n"
    monkeypatch.setattr(text.sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(text.click.utils, "should_strip_ansi", lambda *_: False)
    text.tell(words, "VERDICT", "green")
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first == "\x1b[32m\x1b[1mVERDICT\x1b[0m  alexnet is better than"
    assert second == "         inception by 10.11 points of"


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = []
    said = lambda **_: colours.append(click.get_current_context().color)  # noqa: E731
    monkeypatch.setattr(command("list-recipes"), "callback", said)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert cli_main.run(["list-recipes"]) == 0
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli_main.run(["list-recipes"]) == 0
    assert colours == [None, False]


def test_completion_is_a_script_that_its_shell_takes(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    done = subprocess.run(
        [sys.executable, "-m", "imagenet_tools", "completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    )
    script.write_text(done.stdout)
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "_IMGTOOLS_COMPLETE=bash_complete" in done.stdout


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_is_closed_ends_a_command_as_sigterm_does(
    ignored: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shell and the kernel send a SIGHUP each; nohup has it ignored."""

    def hung_up(**_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(command("list-preproc"), "callback", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        assert cli_main.run(["list-preproc"]) == (0 if ignored else 143)
    finally:
        signal.signal(signal.SIGHUP, before)
    said = "" if ignored else "Told to end (SIGHUP). To resume: imgtools list-preproc\n"
    assert capsys.readouterr().err.lstrip() == said


@pytest.mark.parametrize("json_first", [True, False])
def test_what_a_plug_in_writes_is_never_beside_the_json(json_first: bool, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import os\nprint('loud')\nos.write(1, b'louder\\n')\n"
        "def preprocess_image(image, output_height, output_width, is_training=False):\n"
        "    return image\n"
    )
    options = ["--json", "--plugin", str(tmp_path / "loud.py")]
    options = options if json_first else [*options[1:], "--json"]
    line = [sys.executable, "-m", "imagenet_tools", "describe-preproc", "alexnet", *options]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["spec"] == "alexnet"
    assert "loud\n" in done.stderr and "louder\n" in done.stderr


def test_a_name_as_long_as_a_book_is_compared_with_none() -> None:
    """difflib's time goes with the square of the length."""
    known = ["a" * 100_000, "alexnet"]
    assert near("ab" * 50_000, known) == [] and near("alexnett", known) == ["alexnet"]
