"""Command name -> handler. The names and checks come from the handler's own signature."""

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from snakepit_bridge.arguments import Never, check_for, glance_of
from snakepit_bridge.class_arguments import Check
from snakepit_bridge.compiled_call import compiled_call
from snakepit_bridge.context import Context
from snakepit_bridge.errors import BridgeError, NotBegunError
from snakepit_bridge.values.reader import Unreadable
from snakepit_bridge.values.refusals import type_name

Function = TypeVar("Function", bound=Callable[..., Any])
# Gets the id of a session that is over.
SessionHook = Callable[[str], None]

# After so many quick calls a handler is called short; one slow call takes it back for as long.
QUICK_CALLS = 20
# A slow call weighs as much as so many quick ones. A handler is slow above the weight of one, so
# that a moment's hiccup of the machine does not take its calls out of the line.
SLOW_WEIGHT = 16
MOST_SLOW = 4 * SLOW_WEIGHT


class Handler:
    """One function that serves a command, and what the server needs to know to run it."""

    __slots__ = (
        "checks",
        "context_name",
        "could_be_short",
        "function",
        "is_async",
        "is_short",
        "is_stream",
        "name",
        "quick_calls",
        "run",
        "signature",
        "slowness",
    )

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self.is_stream = is_stream(function)
        self.is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
            function
        )
        # How much of its recent past was slow calls; see `noted`.
        self.slowness = 0
        # Since the last slow one; counted by the runner of the short calls.
        self.quick_calls = 0
        self.signature = inspect.signature(function)
        annotations = _annotations(function)
        self.context_name = _context_name(self.signature, annotations)
        checks = {
            parameter.name: check_for(annotations[parameter.name])
            for parameter in self.signature.parameters.values()
            if parameter.name in annotations and parameter.kind is not parameter.VAR_KEYWORD
        }
        # With the class that passes at a glance, for the annotations that are nothing but a class.
        self.checks: tuple[tuple[str, object, Check], ...] = tuple(
            (parameter, glance_of(annotations[parameter]), check)
            for parameter, check in checks.items()
            if check is not None
        )
        # It needs no context, so that none has to be made, and blocks only while it runs.
        self.could_be_short = not (self.is_stream or self.is_async or self.context_name)
        # For short calls: with the arguments as sent, `{}` for none. Raises what `checked` and the
        # function raise.
        self.run = self._runner() if self.could_be_short else self._run_checked
        # What the reading thread runs by itself, without a further look.
        self.is_short = self.could_be_short

    def _runner(self) -> Callable[[dict[str, Any]], Any]:
        parameters = self.signature.parameters.values()
        looks = {name: glance for name, glance, _ in self.checks}
        if Never in looks.values() or any(p.kind is p.VAR_KEYWORD for p in parameters):
            return self._run_checked
        glances = {parameter.name: looks.get(parameter.name) for parameter in parameters}
        return compiled_call(self.function, glances, self._run_checked)

    def _run_checked(self, args: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever it returns
        return self.function(**self.checked(args))

    def checked(self, args: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the annotations want them. Raises INVALID_ARGUMENT."""
        copied = False
        for name, glance, check in self.checks:
            if name in args:
                value = args[name]
                if value.__class__ is glance:
                    continue
                wanted = check(value, name)
                if wanted is not value:
                    if not copied:
                        args, copied = args.copy(), True
                    args[name] = wanted
        return args

    def arguments(self, args: dict[str, Any], context: Context) -> dict[str, Any]:
        """As `checked`, with the context for a handler that asks for it."""
        if self.context_name is None:
            return self.checked(args)
        if self.context_name in args:
            raise _unexpected(self.name, [self.context_name])
        return {**self.checked(args), self.context_name: context}

    def noted(self, *, was_slow: bool) -> None:
        """Remembers how long a call took; races between threads only blur it."""
        if was_slow:
            self.quick_calls = 0
            self.slowness = min(self.slowness + SLOW_WEIGHT, MOST_SLOW)
        elif self.slowness:
            self.slowness -= 1
        self.is_short = self.could_be_short and not self.is_slow

    @property
    def is_slow(self) -> bool:
        return self.slowness > SLOW_WEIGHT

    def misfit(self, args: object) -> BridgeError | None:
        """Which arguments are missing or unexpected; None when they fit."""
        if isinstance(args, Unreadable):
            return args.error
        if type(args) is not dict:
            message = f"the arguments of {self.name} must be a map of names to values"
            return NotBegunError("INVALID_ARGUMENT", message)
        odd = next((type(key) for key in args if not isinstance(key, str)), None)
        if odd is not None:
            message = f"the arguments of {self.name} must have names, not a key of type "
            return NotBegunError("INVALID_ARGUMENT", message + type_name(odd))
        parameters = [p for p in self.signature.parameters.values() if p.name != self.context_name]
        named = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        missing = [
            p.name
            for p in parameters
            if p.name not in args and p.default is p.empty and p.kind is not p.VAR_KEYWORD
        ]
        unexpected = [
            name
            for name in args
            if name == self.context_name or (name not in named and not takes_any)
        ]
        if missing:
            return _missing(self.name, missing, unexpected)
        return _unexpected(self.name, unexpected) if unexpected else None


class Command:
    """A name with a handler for calls, one for streams, or both."""

    __slots__ = ("call", "name", "stream")

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: Handler | None = None
        self.stream: Handler | None = None


class Registry:
    def __init__(self) -> None:
        self._functions: dict[tuple[str, bool], Callable[..., Any]] = {}
        # Made at the name's first use: annotations may name things defined further down the module.
        # The server looks here before it asks `find`.
        self.ready: dict[str, Command] = {}
        self.session_hooks: dict[str, SessionHook] = {}

    def forget_paces(self) -> None:
        """For a host that has not been told which commands are short."""
        for command in self.ready.values():
            for handler in (command.call, command.stream):
                if handler is not None:
                    handler.quick_calls = 0

    def on_session_end(self, hook: SessionHook) -> SessionHook:
        """Has the function called with the id of each session that is over, so that it drops what
        it keeps under that name (see `Context.session_id`). It may never have heard of it, and a
        call of that session may still be at its end. A worker with one slot calls it between two
        calls, others on a thread of its own. What it raises becomes a line in the host's log."""
        if is_stream(hook) or inspect.iscoroutinefunction(hook):
            raise TypeError(f"{_origin(hook)} must be an ordinary function")
        self.session_hooks[_origin(hook)] = hook
        return hook

    def command(self, name: str) -> Callable[[Function], Function]:
        """Makes the decorated function serve the command `name`.

        A generator serves streams, everything else calls; one name may have one of each. Its
        parameters are the command's arguments by name (`**rest` takes any others); a parameter
        annotated `Context` gets the call's context. Raises `ValueError` for a name that is taken.
        """
        if not isinstance(name, str) or not name:
            raise TypeError('a command needs a name: @command("text.count")')

        def register(function: Function) -> Function:
            _check_parameters(name, function)
            key = (name, is_stream(function))
            earlier = self._functions.get(key)
            if earlier is not None and _origin(earlier) != _origin(function):
                message = f"{name} is served by {_origin(earlier)} and again by {_origin(function)}"
                raise ValueError(message)
            self._functions[key] = function
            self.ready.pop(name, None)
            return function

        return register

    def names(self) -> list[str]:
        return sorted({name for name, _ in self._functions})

    def find(self, name: str) -> Command:
        """Raises UNKNOWN_COMMAND with the closest name."""
        found = self.ready.get(name)
        if found is None:
            found = self._prepare(name)
            self.ready[name] = found
        return found

    def _prepare(self, name: str) -> Command:
        command = Command(name)
        call, stream = self._functions.get((name, False)), self._functions.get((name, True))
        if call is None and stream is None:
            raise self._unknown(name)
        command.call = Handler(name, call) if call else None
        command.stream = Handler(name, stream) if stream else None
        return command

    def _unknown(self, name: str) -> BridgeError:
        close = closest(name, self.names())
        hint = f"; did you mean {close!r}?" if close else ""
        details = {"command": name, **({"closest": close} if close else {})}
        return NotBegunError("UNKNOWN_COMMAND", f"there is no command {name!r}{hint}", details)


def is_stream(function: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def closest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.6)), None)


def _check_parameters(name: str, function: Callable[..., Any]) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise TypeError(f"{name}: arguments come by name, so {parameter} cannot be served")


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # a name that exists only for type checkers: then nothing is checked
        return dict(getattr(function, "__annotations__", {}))


def _context_name(signature: inspect.Signature, annotations: dict[str, Any]) -> str | None:
    for name in signature.parameters:
        if annotations.get(name) in (Context, "Context"):
            return name
    return None


def _origin(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _missing(name: str, missing: list[str], unexpected: list[str]) -> BridgeError:
    extra = f" and has no {', '.join(unexpected)}" if unexpected else ""
    message = f"{name} needs {', '.join(missing)}{extra}"
    details = {"missing": missing, "unexpected": unexpected}
    return NotBegunError("INVALID_ARGUMENT", message, details)


def _unexpected(name: str, unexpected: list[str]) -> BridgeError:
    message = f"{name} has no {', '.join(unexpected)}"
    return NotBegunError("INVALID_ARGUMENT", message, {"missing": [], "unexpected": unexpected})


# The one registry of this process. Decorators run at import, before there is anything to pass
# a registry to.
registry = Registry()
command = registry.command
on_session_end = registry.on_session_end
