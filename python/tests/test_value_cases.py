"""The cases that both languages share: `proto/values.json`."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import value_cases

from snakepit_bridge.codecs import MsgpackCodec

PROTO = Path(value_cases.__file__).parent
CASES = json.loads((PROTO / "values.json").read_text())
codec = MsgpackCodec()


def echo(value: object) -> Any:  # noqa: ANN401
    (_, record) = codec.decode(codec.document(0, [codec.record([0, 1, value])]))
    return record[2]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_of_the_shared_cases_comes_back_as_it_was(case: dict[str, Any]) -> None:
    value = value_cases.built(case["value"])
    back = echo(value)
    assert value_cases.class_name(value) == case["python"]
    assert value_cases.same(value, back), (value, back)


@pytest.mark.parametrize("microseconds", [-1, 1, -999_999])
def test_an_offset_of_less_than_a_second_is_kept(microseconds: int) -> None:
    zone = datetime.timezone(datetime.timedelta(microseconds=microseconds))
    moment = datetime.datetime(2024, 1, 1, 12, 0, 0, 5, tzinfo=zone)
    assert echo([moment, moment.timetz()]) == [moment, moment.timetz()]
    assert echo(moment).isoformat() == moment.isoformat()


def test_the_shared_cases_are_told_apart() -> None:
    values = [value_cases.built(case["value"]) for case in CASES]
    alike = [
        (one["name"], other["name"])
        for index, one in enumerate(CASES)
        for second, other in enumerate(CASES)
        if index < second and value_cases.same(values[index], values[second])
    ]
    assert alike == []
