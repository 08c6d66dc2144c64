"""Build the wheel, install it in a clean environment and use it from another folder.

Run by `make wheel-check`, outside pytest, since it installs TensorFlow anew.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def top_level_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as members:
        tops = {name.split("/")[0] for name in members.namelist()}
    return {top for top in tops if not top.endswith(".dist-info")}


def main() -> None:
    shutil.rmtree(PROJECT / "build", ignore_errors=True)  # what an older tree left there
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pip = ("-m", "pip", "--disable-pip-version-check", "-q")
        run(sys.executable, *pip, "wheel", "--no-deps", "-w", str(folder), str(PROJECT), cwd=folder)
        (wheel,) = folder.glob("*.whl")
        names = top_level_names(wheel)
        assert names == {"imagenet_tools"}, f"the wheel's top-level names are {sorted(names)}"
        venv.create(folder / "env", with_pip=True)
        python = str(folder / "env" / "bin" / "python")
        run(python, *pip, "install", str(wheel), cwd=folder)
        imgtools = str(folder / "env" / "bin" / "imgtools")
        shown = run(imgtools, "--help", cwd=folder)
        assert "compare-preproc" in shown, shown
        listed = run(imgtools, "list-preproc", cwd=folder)
        assert "alexnet" in listed and "inception" in listed, listed
    print("wheel: top-level name imagenet_tools; imgtools --help and list-preproc run elsewhere")


if __name__ == "__main__":
    main()
