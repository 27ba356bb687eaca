"""A session is over: whatever handlers keep under its name may go."""

from collections.abc import Iterable

from snakepit_bridge.outbox import Outbox
from snakepit_bridge.registry import SessionHook


class SessionEnd:
    """Work that nobody waits for: it is answered by nothing."""

    __slots__ = ("_hooks", "_outbox", "_session_id")

    def __init__(self, session_id: str, hooks: Iterable[SessionHook], outbox: Outbox) -> None:
        self._session_id = session_id
        self._hooks = tuple(hooks)
        self._outbox = outbox

    def run(self) -> None:
        """Each hook in the order of registration. Raises nothing."""
        for hook in self._hooks:
            try:
                hook(self._session_id)
            except BaseException as error:  # SystemExit too: a hook must not end its worker
                text = f"{type(error).__name__} in {hook.__qualname__}: {error}"
                self._outbox.log("error", text)
