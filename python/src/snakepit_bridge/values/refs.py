"""Objects that stay in this worker while the host holds a reference to them."""

import os
import threading
from collections.abc import Iterable
from typing import Any

from snakepit_bridge.errors import BridgeError, NotBegunError
from snakepit_bridge.values import kinds
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.unknown import name_of, summary_of

# A host that keeps more objects here than this has forgotten to release them.
MOST_REFS = 100_000


class Refs:
    """Held until they are released, or the session ends that they came into being in."""

    def __init__(self) -> None:
        self._worker_id = ""
        self._mark = ""
        self._count = 0
        # With the session of each.
        self._objects: dict[str, tuple[object, str | None]] = {}
        # An object that is sent twice in one session is one reference.
        self._ids: dict[tuple[int, str | None], str] = {}
        self._of_session: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._objects)

    def begin(self, worker_id: str) -> None:
        """In the worker's own process: the ids of another, of the same name, must not fit."""
        self._worker_id = worker_id
        self._mark = os.urandom(6).hex()

    def form_of(self, value: object, session: str | None, made: list[str]) -> Extension:
        """`made` gets the id, if it is a new one. Raises `BridgeError` QUOTA_EXCEEDED."""
        ref_id = self._keep(value, session, made)
        return Extension(kinds.REF, [self._worker_id, ref_id, name_of(value), summary_of(value)])

    def look_up(self, content: list[Any]) -> object:
        """Raises `NotBegunError` SESSION_LOST when it is another worker's, NOT_FOUND when it was
        released."""
        worker_id, ref_id, name, _ = content
        # The mark is of this process: a worker that was replaced may have had the same name.
        if worker_id != self._worker_id or not ref_id.startswith(self._mark):
            message = (
                f"is a {name} of an earlier worker {worker_id}, which has ended; "
                "make the object again"
                if worker_id == self._worker_id
                else f"is a {name} that lives in worker {worker_id}, and this is "
                f"{self._worker_id}; make both calls in one session and one pool, and the object "
                "again if that worker has gone"
            )
            details = {"workerId": worker_id, "id": ref_id}
            raise NotBegunError("SESSION_LOST", message, details)
        try:
            return self._objects[ref_id][0]
        except KeyError:
            message = f"is a {name} that was released"
            raise NotBegunError("NOT_FOUND", message, {"kind": "object", "name": ref_id}) from None

    def release(self, ids: Iterable[str]) -> int:
        """How many of them there were."""
        with self._lock:
            return sum(self._drop(ref_id) for ref_id in ids)

    def release_session(self, session: str) -> None:
        self.release(list(self._of_session.get(session, ())))

    def _keep(self, value: object, session: str | None, made: list[str]) -> str:
        with self._lock:
            known = self._ids.get((id(value), session))
            if known is not None:
                return known
            if len(self._objects) >= MOST_REFS:
                message = f"this worker keeps {MOST_REFS:,} objects for its host; release some"
                raise BridgeError("QUOTA_EXCEEDED", message, {"what": "refs", "limit": MOST_REFS})
            self._count += 1
            ref_id = f"{self._mark}.{self._count}"
            self._objects[ref_id] = (value, session)
            self._ids[id(value), session] = ref_id
            made.append(ref_id)
            if session is not None:
                self._of_session.setdefault(session, set()).add(ref_id)
            return ref_id

    def _drop(self, ref_id: str) -> bool:
        kept = self._objects.pop(ref_id, None)
        if kept is None:
            return False
        value, session = kept
        del self._ids[id(value), session]
        if session is not None:
            siblings = self._of_session[session]
            siblings.discard(ref_id)
            if not siblings:
                del self._of_session[session]
        return True


# Those of this process: the codec makes and resolves them, the command `python.release` drops them.
refs = Refs()
