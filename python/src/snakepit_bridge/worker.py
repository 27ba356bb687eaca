"""One worker's life after it has become a process of its own: dial, handshake, serve, exit."""

import contextlib
import gc
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from snakepit_bridge import lifeline
from snakepit_bridge.codecs import CODECS, Codec, MsgpackCodec
from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.lease import Lease
from snakepit_bridge.registry import Registry, registry
from snakepit_bridge.server import Server
from snakepit_bridge.transports import (
    ConnectionLostError,
    Hail,
    NoTransportError,
    Transport,
    TurnedAwayError,
    dial,
)
from snakepit_bridge.values.refs import refs
from snakepit_bridge.values.unknown import placeholder
from snakepit_bridge.version import PROTOCOL, versions

# While sync handlers are busy the reader and the sender wait this long for the interpreter's lock,
# not Python's 5 ms.
SWITCH_SECONDS = 0.0005
# The handshake comes before the host's own limit is known.
LONGEST_WELCOME = 65_536
DEFAULT_CONCURRENCY = 64
DEFAULT_MAX_FRAME_BYTES = 64 * 1024 * 1024
# Between attempts to dial in again, doubling: a lease is short, and a host has few workers.
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Identity:
    """What the host tells a worker before it dials. `token` is a secret."""

    worker_id: str
    address: str
    token: str
    concurrency: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the host answers a hello with. `incarnation` is a secret."""

    codec: str
    max_frame_bytes: int
    max_value_bytes: int
    # Both or none: the right to dial in again as the same worker, and for how long.
    incarnation: str | None
    lease_seconds: float | None


class NotAdmittedError(Exception):
    """The host refused this worker, or did not answer its hello as the protocol says."""


def serve(identity: Identity) -> NoReturn:
    """Ends the process, with an exit code of `lifeline.py`."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what the preload made is never garbage, so no collection needs to look at it
    code = lifeline.HOST_GONE
    try:
        _serve(identity, registry)
    except ProtocolError as error:
        print(f"snakepit_bridge: the host broke the protocol: {error}", file=sys.stderr)
        code = lifeline.BAD_FRAME
    except (NotAdmittedError, TurnedAwayError, NoTransportError) as error:
        print(f"snakepit_bridge: {error}", file=sys.stderr)
        code = lifeline.NOT_ADMITTED
    except OSError as error:
        print(f"snakepit_bridge: no host at {identity.address}: {error}", file=sys.stderr)
        code = lifeline.NOT_ADMITTED
    except BaseException:
        traceback.print_exc()
        code = 1
    leave(code)


def _serve(identity: Identity, commands: Registry) -> None:
    transport = dial(identity.address, Hail(identity.worker_id, identity.token))
    welcome = introduce(transport, identity, commands)
    lease = None if welcome.lease_seconds is None else Lease(welcome.lease_seconds)
    server = Server(
        transport if lease is None else lease.hold(transport),
        _codec(welcome.codec, identity.worker_id),
        commands,
        concurrency=identity.concurrency,
        max_frame_bytes=welcome.max_frame_bytes,
        max_value_bytes=welcome.max_value_bytes,
    )
    serve = server.run
    while True:
        try:
            return serve()
        except ConnectionLostError as error:
            print(f"snakepit_bridge: {error}", file=sys.stderr)
            if lease is None:
                return None
        transport.hang_up()
        server.drop_calls()
        transport = dial_again(identity, commands, welcome, lease)
        serve = partial(server.resume, lease.hold(transport))


def dial_again(identity: Identity, commands: Registry, welcome: Welcome, lease: Lease) -> Transport:
    """Until the host answers; the end of the lease ends the process. Raises `NotAdmittedError`,
    `TurnedAwayError`."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        transport = dial(identity.address, Hail(identity.worker_id, identity.token))
        lease.attempt(transport)
        try:
            answer = introduce(transport, identity, commands, welcome.incarnation)
        except ConnectionLostError:
            transport.hang_up()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            continue
        if answer != welcome:
            raise NotAdmittedError("the host has other terms for this worker than before")
        return transport


def introduce(
    transport: Transport,
    identity: Identity,
    commands: Registry,
    incarnation: str | None = None,
) -> Welcome:
    """With `incarnation`: as the worker that was let in before. Raises `NotAdmittedError`, and
    what `Transport.receive` does."""
    hello = {
        "type": "hello",
        "protocol": PROTOCOL,
        "workerId": identity.worker_id,
        "token": identity.token,
        "pid": os.getpid(),
        "codecs": list(CODECS),
        "concurrency": identity.concurrency,
        "commands": commands.names(),
        "versions": versions(),
        "parts": True,
    }
    if incarnation is not None:
        hello["incarnation"] = incarnation
    transport.send(json.dumps(hello).encode())
    answer = _welcome(transport)
    lease_ms = answer.get("leaseMs")
    return Welcome(
        codec=answer["codec"],
        max_frame_bytes=answer.get("maxFrameBytes", DEFAULT_MAX_FRAME_BYTES),
        max_value_bytes=answer.get("maxValueBytes", 0),
        incarnation=answer.get("incarnation"),
        lease_seconds=None if lease_ms is None else lease_ms / 1000,
    )


def _codec(name: str, worker_id: str) -> Codec:
    """What the host wants to become of objects without a form matters where there are forms."""
    # Also where none is kept: a reference of another worker is refused by both their names.
    refs.begin(worker_id)
    policy = os.environ.get("SNAKEPIT_UNKNOWN_OBJECTS")
    if name == "msgpack" and policy == "placeholder":
        return MsgpackCodec(placeholder)
    if name == "msgpack" and policy == "ref":
        from snakepit_bridge.referring_codec import ReferringCodec

        return ReferringCodec()
    return CODECS[name]()


def _welcome(transport: Transport) -> dict[str, Any]:
    document = transport.receive(LONGEST_WELCOME)
    if document is None:
        raise NotAdmittedError("the host hung up on the hello")
    try:
        answer = json.loads(bytes(document))
    except ValueError as error:
        raise NotAdmittedError(f"the host answered the hello with no JSON: {error}") from error
    if not isinstance(answer, dict):
        raise NotAdmittedError("the host answered the hello with no object")
    if answer.get("type") == "refused":
        raise NotAdmittedError(
            f"the host refused this worker: [{answer.get('code')}] {answer.get('message')}"
        )
    if answer.get("type") != "welcome" or answer.get("codec") not in CODECS:
        raise NotAdmittedError(f"the host answered the hello with {answer}")
    if answer.get("protocol") != PROTOCOL:
        raise NotAdmittedError(
            f"the host speaks protocol {answer.get('protocol')}, this worker {PROTOCOL}; "
            "update the older of the two"
        )
    return answer


def import_commands(preload: str) -> None:
    """Our own commands, and the modules that `SNAKEPIT_PRELOAD` names, separated by commas."""
    for name in ("snakepit_bridge.commands", *module_names(preload)):
        import_module(name)


def module_names(preload: str) -> list[str]:
    return [name.strip() for name in preload.split(",") if name.strip()]


def preload_failed(error: BaseException) -> NoReturn:
    """The traceback, and as the last line, which the host shows, what it comes to."""
    traceback.print_exception(error)
    print(
        f"snakepit_bridge: the preload failed: {type(error).__name__}: {error}",
        file=sys.stderr,
    )
    leave(lifeline.PRELOAD_FAILED)


def leave(code: int) -> NoReturn:
    """Without waiting for anybody's threads; what was printed is kept."""
    for stream in (sys.stdout, sys.stderr):
        # Nobody may read it any more, or user code may have closed it.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def concurrency() -> int:
    return int(os.environ.get("SNAKEPIT_CONCURRENCY") or DEFAULT_CONCURRENCY)
