"""A Python that has TensorFlow and ALSO loaded: each command is a fork of it, and seconds quicker.

    python warm_python.py FOLDER    serves until its stdin is closed; FOLDER/python is the program

The program takes a Python's command line, and its working folder, environment, streams, exit code
and signals are those of the command. What is no different in a fork: flags of the interpreter (-W,
PYTHONHASHSEED), the order of a set of texts, which all forks share, and what TensorFlow says and
reads while it is loaded. Tests of start-up, of who is whose parent, and of what may depend on such
an order, take a Python of their own.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import multiprocessing.spawn  # notes sys.executable, before a fork's is another  # noqa: F401
import os
import runpy
import select
import signal
import socket
import sys
import threading
import types
from pathlib import Path

import numpy

# What nearly every command imports besides, in a second or more.
ALSO = ("numba", "scipy.ndimage", "scipy.signal", "scipy.stats")

PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys
FORWARDED = (signal.SIGINT, signal.SIGTERM)
signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
served = socket.socket(socket.AF_UNIX)
served.connect({address!r})
called = dict(arguments=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ))
with served.makefile("rw") as stream:
    socket.send_fds(served, [b"-"], [0, 1, 2])
    stream.write(json.dumps(called) + "\\n")
    stream.flush()
    child = int(stream.readline())
    for number in FORWARDED:
        signal.signal(number, lambda number, frame: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    code = int(stream.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def serve(folder: Path) -> None:
    """Fork for each call of the program, until stdin is closed."""
    gc.disable()
    sys.modules["keras.src.optimizers"] = None  # type: ignore[assignment]  # as imgtools does
    import tensorflow

    del sys.modules["keras.src.optimizers"]
    for name in ALSO:
        importlib.import_module(name)
    gc.enable()
    tensorflow.config.list_physical_devices()  # says what it has to say of CUDA
    sys.path.pop(0)  # this file's folder
    gc.freeze()  # a fork's collections leave what it shares as it is
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket"))
    listening.listen(64)
    program = folder / "python"
    program.write_text(PROGRAM.format(python=sys.executable, address=str(folder / "socket")))
    program.chmod(0o755)
    sys.executable = str(program)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who keep a command
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            return
        call, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            keep(call)
        call.close()


def keep(call: socket.socket) -> None:
    """Run one command in a child, and tell its caller how it ends; it ends with its caller."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(call, 1, 3)
    with call.makefile("rw") as stream:
        called = json.loads(stream.readline())
        child = os.fork()
        if child == 0:
            call.detach()
            run(called, streams)
        for one in streams:
            os.close(one)
        stream.write(f"{child}\n")
        stream.flush()
        ends = os.pidfd_open(child)
        ready, _, _ = select.select([ends, call], [], [])
        if ends not in ready:  # the caller was killed
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(BrokenPipeError):
            stream.write(f"{os.waitstatus_to_exitcode(status)}\n")
            stream.flush()
    os._exit(0)


def run(called: dict, streams: list[int]) -> None:
    """Be the command: its session, streams, folder and environment, and its exit."""
    os.setsid()
    for number, own in enumerate(streams):
        os.dup2(own, number)
        os.close(own)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(called["folder"])
    os.environ.clear()
    os.environ.update(called["environment"])
    numpy.random.seed()  # or all forks draw the same; Python's random sees to it itself
    code = 1
    try:
        execute(called["arguments"])
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if not isinstance(left.code, int | None):
            print(left.code, file=sys.stderr)
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        code = -signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(BaseException):
        threading._shutdown()
        atexit._run_exitfuncs()
    for written in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            written.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def execute(arguments: list[str]) -> None:
    """What `python ARGUMENTS` does: -c CODE, -m MODULE or a script."""
    kind, *others = arguments
    first = "" if kind == "-c" else os.getcwd() if kind == "-m" else str(Path(kind).parent)
    added = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [first, *filter(None, added)]
    if kind == "-c":
        sys.argv = ["-c", *others[1:]]
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(others[0], "<string>", "exec"), main.__dict__)
    elif kind == "-m":
        sys.argv = others
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
