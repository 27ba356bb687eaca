"""The Python half of a Node.js worker pool: functions that a host calls by name.

from snakepit_bridge import Context, command

@command("text.count")
def count(text: str) -> int:
    return len(text.split())
"""

from snakepit_bridge.context import Context
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.registry import command, on_session_end
from snakepit_bridge.version import __version__

__all__ = ["BridgeError", "Context", "__version__", "command", "on_session_end"]
