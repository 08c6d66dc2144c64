"""`python -m imagenet_tools` and `imgtools`: an interrupt is one line from the first instant on."""

import os
import signal


def _leave(*_: object) -> None:
    os.write(2, b"Interrupted. Nothing was begun; to begin: the same command\n")
    os._exit(130)


def main() -> None:
    """Run the command line of the process, and exit."""
    signal.signal(signal.SIGINT, _leave)
    from imagenet_tools.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
