"""A signal to end, wherever a command is: noted, and raised as KeyboardInterrupt."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import CodeType, FrameType
from typing import Any


class Signals:
    """Notes a signal to end: within it the first of them raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.seen = 0
        self._former: dict[int, Any] = {}
        self._left = False

    @property
    def name(self) -> str:
        """Of the one that was seen."""
        return signal.Signals(self.seen).name

    def __enter__(self) -> None:
        from imagenet_tools import terminal

        self._hook, sys.unraisablehook = sys.unraisablehook, self._lost
        if threading.current_thread() is threading.main_thread():
            for number in terminal.signals():
                self._former[number] = signal.signal(number, self._note)

    def __exit__(self, *_: object) -> None:
        self._left = True
        sys.unraisablehook = self._hook
        for number, former in self._former.items():
            signal.signal(number, former)
        if self.seen:
            # A KeyboardInterrupt inside an exec(), of a dataclass that is made, say, has Python
            # end by SIGINT in place of the exit code; the next exec() takes that back.
            exec("")

    def _note(self, number: int, frame: Any) -> None:
        from imagenet_tools import terminal

        if number == signal.SIGHUP:
            terminal.closed()
            if self.seen:
                return
        self.seen = number
        raise KeyboardInterrupt

    def _lost(self, ignored: Any) -> None:
        """An interrupt inside a weak reference's callback, which Python ignores, comes again."""
        if not (self.seen and issubclass(ignored.exc_type, KeyboardInterrupt)):
            self._hook(ignored)
            return
        threading.Thread(target=self._again, daemon=True).start()

    def _again(self) -> None:
        """Send it once more when the main thread has left the hook, where it would be lost, too."""
        main = threading.main_thread().ident or 0
        while _within(sys._current_frames().get(main), Signals._lost.__code__):
            time.sleep(0.01)
        if not self._left:
            signal.pthread_kill(main, self.seen)


def _within(frame: FrameType | None, code: CodeType) -> bool:
    """Whether this code is run in a frame, or in one that called it."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None
