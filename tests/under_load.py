"""What kills and interrupts, five times beside two busy loops: `make test-load`, outside pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TIMES = 5
BUSY = "while True: pass"
TESTS = ("tests/records/test_records_kill.py", "tests/cli/test_cli.py")


def main() -> int:
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        command = [sys.executable, "-m", "pytest", "-q", *TESTS]
        codes = [subprocess.run(command, cwd=PROJECT).returncode for _ in range(TIMES)]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    failed = sum(code != 0 for code in codes)
    print(f"under load: {TIMES - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
