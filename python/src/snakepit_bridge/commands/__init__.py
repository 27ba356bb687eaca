"""The commands that every worker has. Importing this registers them."""

from snakepit_bridge.commands import core, python

__all__ = ["core", "python"]
