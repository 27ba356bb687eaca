"""Errors as they cross to the host: docs/protocol.md, "An error". The only file that makes them."""

import traceback
from types import TracebackType
from typing import Any

# Frames of our own that stand above every handler and tell its author nothing.
MACHINERY = frozenset(
    f"snakepit_bridge.{name}"
    for name in (
        "executor",
        "event_loop",
        "streams",
        "compiled_call",
        "registry",
        "server",
        "arguments",
        "class_arguments",
        "union_arguments",
        "outbox",
        "codecs",
        "referring_codec",
        "values.writer",
    )
)
# An error is read by people; a repr of a tensor inside a message is not worth a frame of 10 MB.
LONGEST_TEXT = 32_768


class BridgeError(Exception):
    """A refusal that the caller's program can act on.

    A code of the host's closed list (`INVALID_ARGUMENT`, `NOT_FOUND`, `QUOTA_EXCEEDED`, …) is
    `error.code` there. Any other, such as `OUT_OF_STOCK`, arrives as `REMOTE` and stands in
    `error.details.code`. `details` holds values that the wire carries; they are in `error.details`
    as well, where a `REMOTE` has `type`, `message`, `traceback`, `workerId` and `code` of its own.
    """

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class NotBegunError(BridgeError):
    """Refused before any work was done: there is no such command, or the arguments do not fit."""


class Cancelled(BridgeError):
    """The caller has gone. Raised by `Context.check_cancelled`; a handler may let it pass."""

    def __init__(self, message: str = "the call was cancelled") -> None:
        super().__init__("CANCELLED", message)


class ProtocolError(Exception):
    """What the host sent is not what docs/protocol.md says. Ends the connection."""


def error_map(error: BaseException) -> dict[str, Any]:
    """The wire's error map. Never raises, whatever `str(error)` does."""
    result: dict[str, Any] = {"type": _name(error), "message": _text(error)}
    if isinstance(error, BridgeError):
        result["code"] = error.code
        if error.details:
            result["details"] = error.details
        if isinstance(error, NotBegunError):
            result["begun"] = False
    lines = _traceback(error)
    if lines:
        result["traceback"] = lines
    return result


def not_begun() -> dict[str, Any]:
    """For a call that was cancelled before any of its work was done."""
    message = "the call was cancelled before it began"
    return {"type": "Cancelled", "message": message, "code": "CANCELLED", "begun": False}


def given_back() -> dict[str, Any]:
    """For a call that the host has asked back before any of its work was done."""
    message = "the worker is busy and gave the call back"
    return {"type": "BridgeError", "message": message, "code": "WORKER_BUSY", "begun": False}


def sendable(text: str) -> str:
    """Lone surrogates, as in undecodable file names, have no place in UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _name(error: BaseException) -> str:
    kind = BridgeError if isinstance(error, NotBegunError) else type(error)
    return kind.__name__


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as second:  # the exception's own __str__ failed; its type must do
        text = f"<{type(second).__name__} while reading the message>"
    return sendable(text[:LONGEST_TEXT])


def _traceback(error: BaseException) -> str | None:
    start = _below_machinery(error.__traceback__)
    if start is None:
        return None
    try:
        text = "".join(traceback.format_exception(type(error), error, start))
    except Exception as second:  # a source line or a __cause__ that cannot be shown
        return f"<{type(second).__name__} while formatting the traceback>"
    return sendable(text if len(text) <= LONGEST_TEXT else "…" + text[-LONGEST_TEXT:])


def _below_machinery(frame: TracebackType | None) -> TracebackType | None:
    while frame is not None and frame.tb_frame.f_globals.get("__name__") in MACHINERY:
        frame = frame.tb_next
    return frame
