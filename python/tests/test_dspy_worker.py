"""DSPy in real workers: forked after the preload, spoken to in frames."""

from collections.abc import Iterator

import pytest
from dspy_programs import ASK, DEMO
from host import Connection, ForkServer, Host, RemoteError, admit_forked


@pytest.fixture(scope="module")
def worker() -> Iterator[Connection]:
    with Host() as host, ForkServer(preload="snakepit_bridge.dspy") as server:
        ready = server.event()
        assert ready["forkable"] is True, ready
        server.fork(host, "w1")
        _, connection = admit_forked(host)
        yield connection


def test_a_forked_worker_answers_with_dspy(worker: Connection) -> None:
    assert {"dspy.predict", "dspy.predict_stream"} <= set(worker.hello["commands"])
    args = {"program": ASK, "inputs": {"question": "What is 6 * 7?"}, "lm": DEMO}
    assert worker.call("dspy.predict", args)["outputs"] == {"answer": "42"}


def test_a_refused_program_crosses_the_border_with_its_path(worker: Connection) -> None:
    args = {"program": {**ASK, "module": "CodeAct"}, "inputs": {}, "lm": DEMO}
    with pytest.raises(RemoteError) as refused:
        worker.call("dspy.predict", args, call_id=2)
    assert refused.value.code == "INVALID_ARGUMENT"
    assert refused.value.error["details"]["path"] == "program.module"
