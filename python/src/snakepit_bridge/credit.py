"""How far the producer of a stream may run ahead of its reader."""

from collections.abc import Callable

# docs/protocol.md, "Streams".
FIRST_CHUNKS = 1024
FIRST_BYTES = 4 * 1024 * 1024


class Credit:
    """What one stream may still send. The reader thread grants, the producer spends; each writes
    only its own numbers."""

    __slots__ = ("_granted_bytes", "_granted_chunks", "_spent_bytes", "_spent_chunks", "wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called from the reader thread when a waiting producer should look again."""
        self.wake = wake
        self._granted_chunks = FIRST_CHUNKS
        self._granted_bytes = FIRST_BYTES
        self._spent_chunks = 0
        self._spent_bytes = 0

    def grant(self, chunks: int, size: int) -> None:
        self._granted_chunks += chunks
        self._granted_bytes += size
        self.wake()

    def spend(self, size: int) -> None:
        self._spent_chunks += 1
        self._spent_bytes += size

    @property
    def used_up(self) -> bool:
        return (
            self._spent_chunks >= self._granted_chunks or self._spent_bytes >= self._granted_bytes
        )
