"""`python -m imagenet_tools` and `imgtools`: a signal to end is one line from the first instant."""

import os
import signal


def _leave(number: int, _: object) -> None:
    what = b"Interrupted" if number == signal.SIGINT else b"Told to end"
    os.write(2, what + b". To go on: the same command\n")
    os._exit(128 + number)


def main() -> None:
    """Run the command line of the process, and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from imagenet_tools.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
