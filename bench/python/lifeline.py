"""Ends this process when the bench does, however that ends: its stdin is closed then."""

import os
import sys
import threading


def hold() -> None:
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
