"""The time that a worker may live without hearing from its host.

A worker that is cut off must end before its replacement serves, and nobody can tell it so: it
counts the time by itself. Not counted while C code holds the interpreter's lock; a timer of the
kernel's would be, and is not here yet.
"""

import sys
import threading
import time

from snakepit_bridge import lifeline
from snakepit_bridge.transports import Buffer, PartSink, Transport

# The host says something every third of a lease. Twice that without a word, and the connection is
# not worth waiting for.
SILENCE = 2 / 3
# How long an attempt to dial may take, so that there are several in a lease.
ATTEMPT = 1 / 4
# How often to look, in parts of a lease.
LOOK = 1 / 40


class Lease:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = self._since = time.monotonic()
        self._patience = seconds
        self._transport: Transport | None = None
        threading.Thread(target=self._watch, name="snakepit-lease", daemon=True).start()

    def heard(self) -> None:
        self._heard = self._since = time.monotonic()

    def attempt(self, transport: Transport) -> None:
        """It is hung up on unless something is heard soon."""
        self._use(transport, self._seconds * ATTEMPT)

    def hold(self, transport: Transport) -> "LeasedTransport":
        """It serves; each document that comes on what is returned renews the lease."""
        self.heard()
        self._use(transport, self._seconds * SILENCE)
        return LeasedTransport(transport, self)

    def _use(self, transport: Transport, patience: float) -> None:
        self._transport = None  # the old one is not measured by the new one's patience
        self._since, self._patience = time.monotonic(), patience
        self._transport = transport

    def _watch(self) -> None:
        while True:
            time.sleep(self._seconds * LOOK)
            now, transport = time.monotonic(), self._transport
            if now - self._heard >= self._seconds:
                lifeline.leave_at_end_of_lease(self._seconds)
            if transport is not None and now - self._since >= self._patience:
                self._transport = None
                print(
                    f"snakepit_bridge: no word from the host for {now - self._since:.1f} s; "
                    "dialling again",
                    file=sys.stderr,
                )
                transport.hang_up()


class LeasedTransport:
    """A transport on which whatever comes renews the lease."""

    def __init__(self, transport: Transport, lease: Lease) -> None:
        self._transport = transport
        self._lease = lease
        self.send = transport.send
        self.send_part = transport.send_part
        self.hang_up = transport.hang_up
        self.part_frame_bytes = transport.part_frame_bytes

    @property
    def parts(self) -> PartSink | None:
        return self._transport.parts

    @parts.setter
    def parts(self, sink: PartSink | None) -> None:
        self._transport.parts = None if sink is None else LeasedParts(sink, self._lease)

    def receive(self, limit: int) -> Buffer | None:
        document = self._transport.receive(limit)
        self._lease.heard()
        return document


class LeasedParts:
    """A big value may take longer than a lease: each piece of it renews the lease, too."""

    def __init__(self, sink: PartSink, lease: Lease) -> None:
        self._lease = lease
        self.place = sink.place
        self._filled = sink.filled

    def filled(self, count: int) -> None:
        self._filled(count)
        self._lease.heard()
