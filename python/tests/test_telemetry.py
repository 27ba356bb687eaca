"""What a handler measures becomes an event of its host."""

from host import Host


def test_measurements_reach_the_host(host: Host) -> None:
    with host.worker() as connection:
        args = {
            "measurements": {"seconds": 1.5, "rows": 2**60},
            "metadata": {"name": "m", "n": [1]},
        }
        assert connection.call("measure", args) is None
        record = next(record for record in connection.records if record[0] == 7)
        assert record == [
            7,
            0,
            "model-loaded",
            {"seconds": 1.5, "rows": float(2**60)},
            {"name": "m", "n": [1]},
        ]


def test_what_cannot_be_reported_fails_where_it_is_reported(host: Host) -> None:
    with host.worker() as connection:
        connection.send([0, 1, "measure-badly", {"what": "text"}])
        assert connection.answer_to(1)[2]["type"] == "TypeError"
        connection.send([0, 2, "measure-badly", {"what": "deep"}])
        assert connection.answer_to(2)[2]["code"] == "SERIALIZATION"
        assert connection.records == []
