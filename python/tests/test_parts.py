"""Big binaries beside the documents, in both directions."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest
from host import Connection, Host
from part_frames import CREDIT, MIB, Answers, part_frame, part_name, send_parts

from snakepit_bridge.errors import ProtocolError
from snakepit_bridge.outgoing_parts import OutgoingParts, OutgoingValue

LIMIT = 64 * MIB


@pytest.fixture
def worker(host: Host) -> Connection:
    host.spawn()
    return host.admit(maxValueBytes=LIMIT)


def noise(size: int) -> bytes:
    return os.urandom(size)


@pytest.mark.parametrize("size", [64 * 1024, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
def test_a_part_arrives_as_bytes_and_goes_back_as_it_was(worker: Connection, size: int) -> None:
    data = noise(size)
    send_parts(worker, 1, data)
    worker.send([0, 1, "kind-and-echo", {"data": part_name(1)}])
    answers = Answers(worker)
    _, _, (kind, back) = answers.answer_to(1)
    assert kind == "bytes"
    if size < 256 * 1024:
        assert back == data
    else:
        assert back == (20, 1, 0)
        assert answers.parts[1] == [data]


def test_an_answer_has_its_parts_ahead_of_it_in_frames_of_1_mib(worker: Connection) -> None:
    worker.send([0, 1, "blobs", {"sizes": [2 * MIB + 1, 300_000, 10]}])
    answers = Answers(worker)
    _, _, value = answers.answer_to(1)
    assert [len(part) for part in answers.parts[1]] == [2 * MIB + 1, 300_000]
    assert value == [(20, 1, 0), (20, 1, 1), bytes(10)]
    assert answers.order == ["part"] * 4 + [0]


def test_no_more_is_sent_than_there_is_credit_for_and_small_answers_pass(
    worker: Connection,
) -> None:
    worker.send([0, 1, "blobs", {"sizes": [CREDIT + MIB]}])
    answers = Answers(worker, gives_credit=False)
    while sum(map(len, answers.parts.get(1, []))) < CREDIT:
        answers.take_frame()
    worker.send([0, 2, "add", {"a": 1, "b": 2}])
    assert answers.answer_to(2) == [0, 2, 3]
    assert sum(map(len, answers.parts[1])) == CREDIT
    worker.send([7, 0, MIB])
    assert answers.answer_to(1) == [0, 1, [(20, 1, 0)]]


def test_answers_take_turns(worker: Connection) -> None:
    worker.send(*([0, i, "blobs", {"sizes": [4 * MIB]}] for i in (1, 2)))
    answers = Answers(worker)
    while len(answers.parts) < 2:
        answers.take_frame()
    assert sum(map(len, answers.parts[1])) < 4 * MIB
    assert answers.answer_to(1)[0] == answers.answer_to(2)[0] == 0


def test_credit_comes_back_when_half_of_it_was_used(worker: Connection) -> None:
    send_parts(worker, 1, bytes(2 * MIB))
    answers = Answers(worker)
    while not answers.records:
        answers.take_frame()
    assert answers.records == [[8, 0, 2 * MIB]]


class HostThatSendsOn:
    """Has the credit, and has used all of it, before the thread that gave it runs again."""

    part_frame_bytes = MIB

    def __init__(self) -> None:
        self.rounds = 0
        self.ended: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.parts: Any = None

    def send(self, document: bytes) -> None:
        [_, [_, _, credit]] = ormsgpack.unpackb(document)
        self.rounds += 1
        if self.rounds == 3:
            self.ended.put(None)
            return
        try:
            self.parts.owe(credit)
        except ProtocolError as error:
            self.ended.put(error)

    def put(self, record: object) -> None:
        raise AssertionError(record)

    def send_first(self, send: Callable[[], None]) -> bool:
        send()
        return True


def test_a_host_may_use_its_credit_as_soon_as_it_has_it() -> None:
    host: Any = HostThatSendsOn()
    host.parts = OutgoingParts(host, host)
    host.parts.owe(CREDIT)
    assert host.ended.get(timeout=20) is None


class NewConnection:
    """Has what was sent over it."""

    part_frame_bytes = MIB

    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, document: bytes) -> None:
        self.sent.append(document)

    def send_part(self, call_id: int, number: int, length: int, chunk: memoryview) -> None:
        self.sent.append((call_id, number, length, len(chunk)))


class SenderOfTwoConnections:
    """Holds the first thing that is to be sent until another connection is there."""

    def __init__(self, *, notices_the_end: bool) -> None:
        self.notices_the_end = notices_the_end
        self.is_held = threading.Event()
        self.goes_on = threading.Event()
        self.put_records: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.put = self.put_records.put
        self.sent: queue.SimpleQueue[None] = queue.SimpleQueue()

    def send_first(self, send: Callable[[], None]) -> bool:
        is_first = not self.is_held.is_set()
        self.is_held.set()
        assert self.goes_on.wait(20)
        if is_first and self.notices_the_end:
            return False
        send()
        self.sent.put(None)
        return True


def value_of_one_part(call_id: int) -> OutgoingValue:
    value = OutgoingValue(call_id, [memoryview(bytes(MIB))], is_answer=True)
    value.record = b"record of %d" % call_id
    return value


def test_a_new_connection_is_given_no_credit_that_was_owed_to_the_one_before() -> None:
    sender, connection = SenderOfTwoConnections(notices_the_end=False), NewConnection()
    parts = OutgoingParts(connection, sender)  # type: ignore[arg-type]
    parts.owe(CREDIT)
    assert sender.is_held.wait(20)
    parts.reopen(connection)  # type: ignore[arg-type]
    sender.goes_on.set()
    sender.sent.get(timeout=20)
    assert connection.sent == []


def test_an_end_that_is_noticed_late_takes_nothing_from_the_connection_that_followed() -> None:
    sender, connection = SenderOfTwoConnections(notices_the_end=True), NewConnection()
    parts = OutgoingParts(NewConnection(), sender)  # type: ignore[arg-type]
    parts.add(value_of_one_part(1))
    assert sender.is_held.wait(20)
    parts.reopen(connection)  # type: ignore[arg-type]
    parts.add(value_of_one_part(2))
    sender.goes_on.set()
    assert sender.put_records.get(timeout=20) == b"record of 2"
    assert connection.sent == [(2, 0, MIB, MIB)]


def test_a_call_that_is_cancelled_before_its_record_came_was_not_begun(worker: Connection) -> None:
    worker.socket.sendall(part_frame(1, 0, 2 * MIB, bytes(MIB)))
    worker.send([2, 1])
    answers = Answers(worker)
    kind, _, error = answers.answer_to(1)
    assert (kind, error["code"], error["begun"]) == (1, "CANCELLED", False)
    # The id is free again, and nothing of the first value is left.
    send_parts(worker, 1, noise(MIB))
    worker.send([0, 1, "size", {"data": part_name(1)}])
    assert answers.answer_to(1) == [0, 1, MIB]


def test_an_answer_that_is_cancelled_on_its_way_stops(worker: Connection) -> None:
    worker.send([0, 1, "blobs", {"sizes": [CREDIT + MIB]}])
    answers = Answers(worker, gives_credit=False)
    while sum(map(len, answers.parts.get(1, []))) < CREDIT:
        answers.take_frame()
    worker.send([2, 1])
    kind, _, error = answers.answer_to(1)
    assert (kind, error["code"]) == (1, "CANCELLED")
    worker.send([7, 0, CREDIT])
    worker.send([0, 1, "add", {"a": 1, "b": 2}])
    assert answers.answer_to(1) == [0, 1, 3]
    assert sum(map(len, answers.parts[1])) == CREDIT


@pytest.mark.parametrize("command", ["blob-chunks", "blob-chunks-async"])
def test_chunks_with_parts_stay_in_order(worker: Connection, command: str) -> None:
    worker.send([1, 1, command, {"sizes": [10, MIB, 20, 2 * MIB]}])
    answers = Answers(worker)
    assert answers.answer_to(1) == [3, 1]
    chunks = [record for record in answers.records if record[0] == 2]
    assert [chunk[2] for chunk in chunks] == [bytes(10), (20, 1, 0), bytes(20), (20, 1, 0)]
    # Credit is spent for parts, too.
    assert chunks[1][3] > MIB
    assert [kind for kind in answers.order if kind != 8] == [2, "part", 2, 2, "part", "part", 2, 3]


@pytest.mark.parametrize("command", ["blob-chunks", "blob-chunks-async"])
def test_a_stream_that_is_cancelled_in_a_big_chunk_ends(worker: Connection, command: str) -> None:
    worker.send([1, 1, command, {"sizes": [CREDIT + MIB, 10]}])
    answers = Answers(worker, gives_credit=False)
    while sum(map(len, answers.parts.get(1, []))) < CREDIT:
        answers.take_frame()
    worker.send([2, 1])
    kind, _, error = answers.answer_to(1)
    assert (kind, error["code"]) == (1, "CANCELLED")


@pytest.mark.parametrize("command", ["one-blob", "one-blob-async"])
def test_a_command_without_chunks_may_be_read_as_a_stream(worker: Connection, command: str) -> None:
    worker.send([1, 1, command, {"size": MIB}])
    answers = Answers(worker)
    assert answers.answer_to(1) == [3, 1]
    assert answers.order == ["part", 2, 3]


def test_what_a_handler_goes_on_changing_is_sent_as_it_was(worker: Connection) -> None:
    worker.send([0, 1, "reused-blob", {"size": CREDIT + MIB}])
    answers = Answers(worker, gives_credit=False)
    while sum(map(len, answers.parts.get(1, []))) < CREDIT:
        answers.take_frame()
    worker.send([0, 2, "change-reused-blob"])
    assert answers.answer_to(2) == [0, 2, None]
    worker.send([7, 0, MIB])
    answers.answer_to(1)
    assert set(answers.parts[1][0]) == {0}


def test_an_answer_above_the_limit_fails_alone_and_takes_no_memory(worker: Connection) -> None:
    worker.send(
        [0, 1, "same-blob-often", {"size": 8 * MIB, "times": 640}], [0, 2, "add", {"a": 1, "b": 1}]
    )
    answers = Answers(worker)
    kind, _, error = answers.answer_to(1)
    assert (kind, error["code"]) == (1, "VALUE_TOO_LARGE")
    assert error["details"] == {"bytes": 5120 * MIB, "limitBytes": LIMIT}
    assert answers.answer_to(2) == [0, 2, 2]
    assert answers.parts == {}


def test_a_host_without_parts_gets_none(host: Host) -> None:
    host.spawn()
    worker = host.admit()
    assert worker.hello["parts"] is True
    assert worker.call("blobs", {"sizes": [2 * MIB]}) == [bytes(2 * MIB)]


def test_json_carries_no_parts(host: Host) -> None:
    host.spawn()
    worker = host.admit(codec="json", maxValueBytes=LIMIT)
    worker.send([0, 1, "blobs", {"sizes": [2 * MIB]}])
    kind, _, error = worker.answer_to(1)
    assert (kind, error["code"]) == (1, "SERIALIZATION")


part = bytes(MIB)
begun = part_frame(1, 0, 2 * MIB, part)


def batch(*records: Any) -> bytes:  # noqa: ANN401
    document = ormsgpack.packb([0, *records])
    return len(document).to_bytes(4) + document


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (part_frame(1, 0, MIB - 1, part), "longer than"),
        (begun + part_frame(1, 0, MIB, part), "not the one"),
        (part_frame(1, 1, MIB, part), "not the one"),
        (begun + part_frame(1, 1, MIB, part), "before the end"),
        (part_frame(1, 0, LIMIT + 1, part), "see maxValueBytes"),
        (part_frame(1, 0, 2**64 - 1, part), "see maxValueBytes"),
        (part_frame(1, 0, 10, bytes(10)), "belongs into its document"),
        (part_frame(1, 0, MIB, b""), "holds 0 bytes"),
        (part_frame(1, 0, 2 * MIB, bytes(MIB + 1)), "holds 1,048,577 bytes"),
        (b"\x80\0\0\3abc" + bytes(40), "holds -13 bytes"),
        (b"".join(part_frame(i, 0, MIB, bytes(9)) for i in range(1, 10)), "more than 8 values"),
        (begun + batch([0, 1, "size", {"data": part_name(1)}]), "not a MessagePack document"),
        (begun + batch([0, 1, "add", {"a": 1, "b": 2}]), "does not name all"),
        (batch([0, 1, "size", {"data": part_name(1)}]), "not a MessagePack document"),
        (batch([7, 0, 1]), "credit for parts is 1 bytes"),
        (batch([7, 0, None]), "credit for parts is None bytes"),
    ],
)
def test_a_part_that_is_not_what_the_protocol_says_ends_the_worker(
    host: Host, data: bytes, problem: str
) -> None:
    process = host.spawn(stderr=-1)
    worker = host.admit(maxValueBytes=LIMIT)
    with contextlib.suppress(OSError):  # it hangs up before it has read everything
        worker.socket.sendall(data)
    assert process.wait(20) == 4
    assert process.stderr is not None
    assert problem in process.stderr.read()


def test_a_part_before_the_welcome_ends_the_worker(host: Host) -> None:
    process = host.spawn(stderr=-1)
    with contextlib.suppress(OSError):
        host.accept().socket.sendall(begun)
    assert process.wait(20) == 4
    assert process.stderr is not None
    assert "before the handshake" in process.stderr.read()


def test_a_host_beyond_its_credit_ends_the_worker(host: Host) -> None:
    """It reads nothing, so it cannot know of credit, and sends on."""
    process = host.spawn(stderr=-1)
    worker = host.admit(maxValueBytes=LIMIT)
    worker.send([0, 1, "big", {"size": 8 * MIB}])  # fills the socket: no credit leaves any more
    with contextlib.suppress(OSError):
        for _ in range(32):
            worker.socket.sendall(part_frame(2, 0, LIMIT, part))
    assert process.wait(20) == 4
    assert process.stderr is not None
    assert "beyond their credit" in process.stderr.read()


def test_a_host_that_leaves_in_the_middle_of_a_value_ends_the_worker_in_order(host: Host) -> None:
    process = host.spawn()
    worker = host.admit(maxValueBytes=LIMIT)
    worker.socket.sendall(begun[:1000])
    worker.socket.close()
    assert process.wait(20) == 0


def test_a_worker_that_waits_for_credit_leaves_with_its_host(host: Host) -> None:
    process = host.spawn()
    worker = host.admit(maxValueBytes=LIMIT)
    worker.send([1, 1, "blob-chunks", {"sizes": [2 * CREDIT]}])
    answers = Answers(worker, gives_credit=False)
    while sum(map(len, answers.parts.get(1, []))) < CREDIT:
        answers.take_frame()
    worker.socket.close()
    assert process.wait(20) == 0


def test_many_big_values_both_ways_and_small_calls_between_them(worker: Connection) -> None:
    data = [noise(300_000 + i) for i in range(12)]  # within the credit, all of them together
    answers = Answers(worker)

    def send() -> None:
        for i, one in enumerate(data):
            with answers.sending:
                send_parts(worker, 100 + i, one)
                worker.send([0, 100 + i, "kind-and-echo", {"data": part_name(100 + i)}])
                worker.send([0, 200 + i, "add", {"a": i, "b": 1}])

    sender = threading.Thread(target=send)
    sender.start()
    for i in range(len(data)):
        assert answers.answer_to(200 + i) == [0, 200 + i, i + 1]
        answers.answer_to(100 + i)
        assert answers.parts[100 + i] == [data[i]]
    sender.join()


def test_the_worker_holds_nothing_of_values_that_were_dropped(worker: Connection) -> None:
    answers = Answers(worker)

    def memory() -> int:
        worker.send([0, 1, "resident-bytes"])
        return int(answers.answer_to(1)[2])

    def drop_values(times: int) -> None:
        for _ in range(times):
            for _ in range(3):
                answers.send_part(2, 0, 32 * MIB, part)
            worker.send([2, 2])
            answers.answer_to(2)

    drop_values(5)
    before = memory()
    drop_values(40)
    # All of them would be 120 MiB; the allocator may keep a few.
    assert memory() - before < 32 * MIB
