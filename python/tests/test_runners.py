import threading

from snakepit_bridge.runners import Runners

PATIENCE = 20.0


def test_work_runs_side_by_side_up_to_the_limit_and_then_in_order() -> None:
    gate, begun, done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    order: list[int] = []

    def run(number: int) -> None:
        order.append(number)
        begun.release()
        gate.wait(PATIENCE)
        done.release()

    runners = Runners(run, most_threads=2)
    for number in range(5):
        runners.give(number)
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE)
    assert runners.reserve(others=0) is None
    assert sorted(order) == [0, 1]
    gate.set()
    for _ in range(5):
        assert done.acquire(timeout=PATIENCE)
    assert sorted(order) == [0, 1, 2, 3, 4]


def test_one_idle_thread_serves_work_that_comes_one_by_one() -> None:
    done, threads = threading.Semaphore(0), set()

    def run(_: int) -> None:
        threads.add(threading.get_ident())
        done.release()

    runners = Runners(run, most_threads=8)
    for number in range(50):
        runners.give(number)
        assert done.acquire(timeout=PATIENCE)
    assert len(threads) <= 2  # the second when the first had not come back yet


def test_a_reserved_thread_begins_at_once_what_it_is_given() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def run(_: str) -> None:
        begun.release()
        gate.wait(PATIENCE)

    runners = Runners(run, most_threads=2)
    runners.give("first")
    assert begun.acquire(timeout=PATIENCE)
    assert runners.reserve(others=1) is None
    reserved = runners.reserve(others=0)
    assert reserved is not None
    runners.give("third")  # the second thread is spoken for
    assert runners.reserve(others=0) is None
    reserved.begin("second")
    assert begun.acquire(timeout=PATIENCE)
    gate.set()
    assert begun.acquire(timeout=PATIENCE)
