"""What a worker says about itself in its handshake."""

import platform

__version__ = "0.1.0"

PROTOCOL = 1


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "snakepit_bridge": __version__}
