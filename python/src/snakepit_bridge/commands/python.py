"""Calls any importable Python function by its dotted name."""

import asyncio
import builtins
import difflib
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Generator, Iterator
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.registry import command
from snakepit_bridge.values.refs import refs


@command("python.call")
def call(
    path: str,
    args: list[Any] | None = None,
    kwargs: dict[str, Any] | None = None,
    allow: list[str] | None = None,
) -> Any:  # noqa: ANN401
    """Calls `path`, such as `math.sqrt`, and returns its result; a coroutine is awaited.

    `allow` is for paths that come from outside: patterns such as `math.*`, of which one must match
    the path, before anything is imported, and one the name under which the function was defined.
    It is no sandbox. Raises NOT_FOUND, NOT_ALLOWED, INVALID_ARGUMENT.
    """
    function = resolve(path, allow)
    result = function(*(args or ()), **(kwargs or {}))
    if inspect.isawaitable(result):
        return asyncio.run(_awaited(result))
    return result


@command("python.call")
def stream(
    path: str,
    args: list[Any] | None = None,
    kwargs: dict[str, Any] | None = None,
    allow: list[str] | None = None,
) -> Generator[Any, None, None]:
    """As above, with the items of a generator or other iterator as chunks."""
    result = call(path, args, kwargs, allow)
    if isinstance(result, Iterator):
        yield from result
    else:
        yield result


@command("python.release")
def release(ids: list[str]) -> int:
    """Lets go of objects that this worker keeps for its host, by the ids of their references. How
    many of them it had: a worker knows only its own, so ask in the session that they are of."""
    return refs.release(ids)


def resolve(path: str, allow: list[str] | None) -> Any:  # noqa: ANN401 - any callable
    _require_allowed(path, path, allow)
    target = _look_up(path)
    if not callable(target):
        kind = "a module" if isinstance(target, ModuleType) else f"of type {type(target).__name__}"
        raise BridgeError("INVALID_ARGUMENT", f"{path} is {kind} and cannot be called")
    if allow is not None:
        # `json.codecs.open` begins with `json.`, and is not json's.
        _require_allowed(defined_name(target), path, allow)
    return target


def defined_name(target: object) -> str:
    """The module and name under which a callable was defined, whatever path led to it."""
    owner = getattr(target, "__self__", None)
    name = getattr(target, "__qualname__", None)
    if name is None:  # an object with __call__
        return f"{type(target).__module__}.{type(target).__qualname__}"
    defined_in = getattr(target, "__objclass__", None)
    module = getattr(target, "__module__", None) or getattr(defined_in, "__module__", None)
    if module is None and owner is not None:
        module = type(owner).__module__
    return f"{module}.{name}"


def _look_up(path: str) -> object:
    names = path.split(".")
    if not all(name.isidentifier() for name in names):
        raise BridgeError("INVALID_ARGUMENT", f"{path!r} is no dotted name such as math.sqrt")
    if len(names) == 1 and hasattr(builtins, path):
        return getattr(builtins, path)
    target: object = _import(names[0])
    for index, name in enumerate(names[1:], start=1):
        target = _member(target, name, ".".join(names[:index]))
    return target


def _member(target: object, name: str, path: str) -> object:
    try:
        return getattr(target, name)
    except AttributeError:
        if isinstance(target, ModuleType) and hasattr(target, "__path__"):
            return _import(f"{path}.{name}")
        raise _not_found("attribute", f"{path}.{name}", name, dir(target)) from None


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that exists and misses another one is that module's own error.
        if error.name != name:
            raise
    parent, _, last = name.rpartition(".")
    if parent:
        raise _not_found("attribute", name, last, dir(sys.modules[parent]))
    known = {module.name for module in pkgutil.iter_modules()} | sys.stdlib_module_names
    raise _not_found("module", name, last, known)


def _not_found(kind: str, path: str, name: str, known: Any) -> BridgeError:  # noqa: ANN401
    close = next(iter(difflib.get_close_matches(name, known, n=1)), None)
    prefix = path.removesuffix(name)
    hint = f"; did you mean {prefix}{close}?" if close else ""
    where = "" if kind == "attribute" else f" in {sys.executable}"
    details = {"kind": kind, "name": path, **({"closest": f"{prefix}{close}"} if close else {})}
    return BridgeError("NOT_FOUND", f"there is no {kind} {path}{where}{hint}", details)


def _require_allowed(name: str, path: str, allow: list[str] | None) -> None:
    if allow is None or any(fnmatchcase(name, pattern) for pattern in allow):
        return
    alias = "" if name == path else f", which is {name},"
    message = f"{path}{alias} is not among the allowed {', '.join(allow) or '(none)'}"
    raise BridgeError("NOT_ALLOWED", message, {"path": path, "name": name, "allow": allow})


async def _awaited(awaitable: Any) -> Any:  # noqa: ANN401
    return await awaitable
