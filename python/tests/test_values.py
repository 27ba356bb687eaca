import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import os
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy
import ormsgpack
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.codecs import CODECS, Codec, JsonCodec, MsgpackCodec
from snakepit_bridge.errors import BridgeError, ProtocolError
from snakepit_bridge.values import DEEPEST


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


@dataclasses.dataclass
class Point:
    x: object = 1


Pair = collections.namedtuple("Pair", "a b")
codec = MsgpackCodec()

text = st.text(st.characters(exclude_categories=["Cs"]))
msgpack_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | text
    | st.binary()
)
json_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53 - 1), 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)


def nested(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20
    )


def round_trip(codec: Codec, value: object) -> Any:  # noqa: ANN401
    result = codec.record([0, 1, value])
    chunk, size = codec.chunk(2, value)
    acked, first, second = codec.decode(codec.document(3, [result, chunk]))
    assert acked == 3
    assert first[:2] == [0, 1]
    assert second == [2, 2, first[2], size] or first[2] != first[2]
    return first[2]


def types_of(value: object) -> object:
    if isinstance(value, list):
        return [types_of(item) for item in value]
    if isinstance(value, dict):
        return {key: types_of(item) for key, item in value.items()}
    return type(value)


@settings(max_examples=200)
@given(nested(msgpack_scalars))
def test_what_msgpack_carries_arrives_as_it_was(value: object) -> None:
    arrived = round_trip(codec, value)
    assert arrived == value
    assert types_of(arrived) == types_of(value)


@settings(max_examples=100)
@given(nested(json_scalars))
def test_what_json_carries_arrives_as_it_was(value: object) -> None:
    arrived = round_trip(JsonCodec(), value)
    assert arrived == value
    assert types_of(arrived) == types_of(value)


def test_minus_zero_and_not_a_number_arrive() -> None:
    assert str(round_trip(codec, -0.0)) == "-0.0"
    assert str(round_trip(codec, float("nan"))) == "nan"
    assert str(round_trip(JsonCodec(), -0.0)) == "-0.0"


# Of these JSON has no word for any; MessagePack carries the first ones.
EXTENDED = [
    ((1, 2), "tuple"),
    ({1, 2}, "set"),
    (datetime.datetime(2024, 1, 1), "datetime.datetime"),
    (datetime.date(2024, 1, 1), "datetime.date"),
    (uuid.UUID(int=1), "uuid.UUID"),
    (decimal.Decimal(1), "decimal.Decimal"),
    (Colour.RED, "test_values.Colour"),
    (Point(), "test_values.Point"),
    (1j, "complex"),
    (2**64, "int"),
    ({1: 2}, "dict"),
]
REFUSED = [
    (Text("x"), "test_values.Text"),
    (Pair(1, 2), "test_values.Pair"),
    (collections.OrderedDict(a=1), "collections.OrderedDict"),
    (object(), "object"),
    (print, "builtin_function_or_method"),
    (ValueError("secret"), "ValueError"),
    ("\ud800", "str"),
    ({"\ud800": 2}, "dict"),
    (pathlib.Path("\udcff"), "pathlib.PosixPath"),
    (numpy.array(["a", 1], object), "numpy.ndarray"),
    (numpy.zeros(1, [("a", "i4")]), "numpy.ndarray"),
    (numpy.array(["2024"], "datetime64[D]"), "numpy.ndarray"),
    (numpy.datetime64("2024"), "numpy.datetime64"),
    (numpy.ma.masked_array([1], [True]), "numpy.ma.MaskedArray"),
    (pandas.Timestamp("2024-01-01"), "pandas.Timestamp"),
    (pandas.DataFrame({"a": [1, "x"]}), "pandas.DataFrame"),
    (pandas.DataFrame({1: [1], "b": [2]}), "pandas.DataFrame"),
]


@pytest.mark.parametrize(
    ("name", "value", "type_name"),
    [
        *(("json", *case) for case in EXTENDED + REFUSED),
        *(("msgpack", *case) for case in REFUSED),
        # Which part of a key it is, no path can say: the number of the entry must do.
        ("json", {Text("x"): 2}, "dict"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_anything_else_is_refused_with_its_path_and_type(
    name: str, value: object, type_name: str
) -> None:
    codec = CODECS[name]()
    for wrapped, path in [
        (value, "value"),
        ({"items": [0, {"when": value}]}, "value.items[1].when"),
        ({"odd key": value}, 'value["odd key"]'),
    ]:
        with pytest.raises(BridgeError) as caught:
            codec.record([0, 1, wrapped])
        assert caught.value.code == "SERIALIZATION"
        assert caught.value.details == {"path": path, "type": type_name}
        assert path in str(caught.value)
        assert type_name in str(caught.value)
        assert "secret" not in str(caught.value)


LONE_SURROGATE = (
    "has a lone surrogate, which UTF-8 cannot carry; "
    'send x.encode(errors="replace").decode(), or cut the text between characters'
)


@pytest.mark.parametrize("name", CODECS)
def test_half_a_character_is_refused_with_what_to_send_instead(name: str) -> None:
    for value, says in [
        (["\ud800"], f"value[0] (str) {LONE_SURROGATE}"),
        ({"\ud800": 1}, f"value (dict) has a key that {LONE_SURROGATE}"),
    ]:
        with pytest.raises(BridgeError) as caught:
            CODECS[name]().record([0, 1, value])
        assert str(caught.value) == says
    assert "\ud83d".encode(errors="replace").decode() == "?"


def test_a_path_of_undecodable_bytes_is_refused_and_its_bytes_are_carried() -> None:
    path = pathlib.Path("/data/\udcff")
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, [path]])
    says = "has a lone surrogate, which UTF-8 cannot carry; send its bytes: os.fsencode(x)"
    assert str(caught.value) == f"value[0] (pathlib.PosixPath) {says}"
    assert round_trip(codec, os.fsencode(path)) == b"/data/\xff"


class BrokenZone(datetime.tzinfo):
    def utcoffset(self, _: datetime.datetime | None) -> datetime.timedelta:
        raise LookupError("secret")


@pytest.mark.parametrize("kind", ["datetime", "time"])
def test_a_broken_zone_is_refused_with_what_to_send_instead(kind: str) -> None:
    moment = datetime.datetime(2024, 1, 2, 3, tzinfo=BrokenZone())
    value = moment if kind == "datetime" else moment.timetz()
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, [value]])
    says = "has a tzinfo that raised LookupError; send x.replace(tzinfo=None)"
    assert str(caught.value) == f"value[0] (datetime.{kind}) {says}"
    plain = value.replace(tzinfo=None)
    assert round_trip(codec, plain) == plain


def test_a_dataclass_with_a_field_that_was_never_set_is_refused_with_its_name() -> None:
    bare = dataclasses.make_dataclass("Bare", ["x"])
    empty = bare.__new__(bare)
    with pytest.raises(BridgeError, match=r"has no value in its field x; give it one$"):
        codec.record([0, 1, [empty]])


def subclass(kind: type) -> Any:  # noqa: ANN401
    """As whoever makes one writes it."""
    return type("Own", (kind,), {})


MOMENT = datetime.datetime(2024, 10, 27, 2, 30, 1, 7, zoneinfo.ZoneInfo("Europe/Berlin"), fold=1)
SUBCLASSES = [
    (decimal.Decimal, ["1.50"], "Decimal(x)"),
    (
        datetime.datetime,
        [2024, 10, 27, 2, 30, 1, 7, MOMENT.tzinfo],
        "datetime.combine(x.date(), x.timetz())",
    ),
    (datetime.date, [2024, 2, 29], "date(x.year, x.month, x.day)"),
    (datetime.time, [1, 2, 3, 4, datetime.UTC], "time.fromisoformat(x.isoformat())"),
    (datetime.timedelta, [-1, 2, 3], "timedelta(x.days, x.seconds, x.microseconds)"),
    (uuid.UUID, ["12345678123456781234567812345678"], "UUID(int=x.int)"),
    (complex, [1, -2], "complex(x)"),
    (type(pathlib.Path()), ["/a/b"], "Path(x)"),
    (pathlib.PurePosixPath, ["/a/b"], "PurePosixPath(x)"),
    (pathlib.PureWindowsPath, ["C:/a"], "PureWindowsPath(x)"),
    (float, [1.5], "float(x)"),
    (str, ["x"], "str(x)"),
]


@pytest.mark.parametrize(("kind", "made_of", "instead"), SUBCLASSES)
def test_a_subclass_is_refused_with_the_way_to_its_plain_class(
    kind: type, made_of: list[Any], instead: str
) -> None:
    value = subclass(kind)(*made_of)
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, value])
    assert str(caught.value).endswith(f"; send {instead}")
    names: dict[str, Any] = {**vars(datetime), **vars(pathlib), **vars(decimal), **vars(uuid)}
    plain = eval(instead, names, {"x": value})  # noqa: S307 - whoever follows the advice
    assert type(plain) is kind
    assert round_trip(codec, plain) == kind(*made_of)


def test_the_second_of_two_equal_wall_times_stays_the_second_in_its_plain_class() -> None:
    x = subclass(datetime.datetime).fromtimestamp(MOMENT.timestamp(), MOMENT.tzinfo)
    arrived = round_trip(codec, datetime.datetime.combine(x.date(), x.timetz()))
    assert (arrived.fold, arrived.utcoffset()) == (1, datetime.timedelta(hours=1))


class Guarded(collections.OrderedDict):  # type: ignore[type-arg]
    def __iter__(self) -> Any:  # noqa: ANN401
        raise AssertionError("code of the class was run")

    __len__ = __repr__ = __str__ = keys = items = __iter__


DECIDE = "a dict, list or dataclass of it, or let python.unknownObjects decide"


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda: Pair(1, 2), "tuple(x) or x._asdict()"),
        (collections.OrderedDict, "dict(x)"),
        (lambda: collections.defaultdict(int), "dict(x)"),
        (collections.Counter, "dict(x)"),
        (Guarded, "dict(x)"),
        (collections.deque, "list(x)"),
        (lambda: range(3), "list(x)"),
        (lambda: {}.keys(), "list(x)"),
        (lambda: {}.values(), "list(x)"),
        (lambda: {}.items(), "list(x)"),
        (lambda: (i for i in ()), "list(x)"),
        (lambda: pandas.Timestamp("2024-01-01"), "x.to_pydatetime()"),
        (lambda: pandas.Timedelta(1), "x.to_pytimedelta()"),
        (lambda: pandas.NaT, "None"),
        (lambda: pandas.NA, "None"),
        (lambda: pandas.Index([1]), "x.tolist()"),
        (lambda: Text("x"), "str(x)"),
        (lambda: type("Count", (int,), {})(1), "int(x)"),
        (lambda: fractions.Fraction(1, 3), "str(x) or float(x)"),
        (lambda: type("Frame", (pandas.DataFrame,), {})({"a": [1]}), "pandas.DataFrame(x)"),
        (lambda: type("Column", (pandas.Series,), {})([1]), "pandas.Series(x)"),
        (lambda: numpy.ma.masked_array([1], [True]), "x.filled()"),
        (lambda: numpy.ma.masked, "None"),
        (lambda: numpy.zeros((1, 1)).view(numpy.matrix), "numpy.asarray(x)"),
        (object, DECIDE),
        (lambda: print, DECIDE),
        (lambda: ValueError("secret"), DECIDE),
    ],
)
def test_a_refusal_says_what_to_send_instead(make: Callable[[], object], instead: str) -> None:
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, {"c": make()}])
    assert str(caught.value).startswith("value.c (")
    assert str(caught.value).endswith(
        f") is of a type that the wire does not carry; send {instead}"
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ((1, (2, object())), "value[1][1]"),
        ([frozenset({object()})], "value[0][0]"),
        ({1: "a", 2: object()}, "value[1]"),
        ({object(): 1}, "value[0]"),
        ({"point": Point(object())}, "value.point.x"),
        (((((({"deep": object()},),),),),), "value[0][0][0][0][0].deep"),
    ],
    ids=repr,
)
def test_a_bad_value_inside_of_another_kind_is_found(value: object, path: str) -> None:
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, value])
    assert caught.value.details == {"path": path, "type": "object"}


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ({object(): 1}, "value[0] (object), a key, is of"),
        ({1: object()}, "value[0] (object) is of"),
        ([{(1, object()): 1}], "value[0][0][1] (object), part of a key, is of"),
        ({(1, 2): {(3,): object()}}, "value[0][0] (object) is of"),
        ({"\ud800": 1, 2: 3}, "value[0] (str), a key, has"),
    ],
    ids=repr,
)
def test_a_bad_key_is_told_from_a_bad_item(value: object, subject: str) -> None:
    with pytest.raises(BridgeError) as caught:
        codec.record([0, 1, value])
    assert str(caught.value).startswith(subject)


@pytest.mark.parametrize("value", [b"x", float("nan"), float("inf"), 2**53])
def test_json_refuses_what_only_msgpack_carries(value: object) -> None:
    round_trip(codec, value)
    with pytest.raises(BridgeError, match="value"):
        JsonCodec().record([0, 1, [value]])


def deep(levels: int, leaf: object = 1) -> object:
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("name", CODECS)
def test_containers_nest_as_deep_as_the_protocol_says_and_no_deeper(name: str) -> None:
    codec = CODECS[name]()
    value = deep(DEEPEST)
    assert round_trip(codec, value) == value
    with pytest.raises(BridgeError, match="nests deeper than 100"):
        codec.record([0, 1, deep(DEEPEST + 1)])
    with pytest.raises(BridgeError, match="nests deeper than 100"):
        codec.chunk(1, [[], deep(DEEPEST)])


def in_turn(levels: int, leaf: object = 1) -> object:
    """All kinds of containers, one in the other."""
    value = leaf
    for level in range(levels):
        kinds = [[value], {"a": value}, (value,), Point(value), {7: value}]
        value = kinds[level % len(kinds)]
    return value


@pytest.mark.parametrize(
    "nest",
    [
        lambda value: (value,),
        lambda value: frozenset({value}),
        lambda value: {1: value},
        Point,
        lambda value: [[[(value,)]]],
    ],
    ids=["tuple", "frozenset", "dict", "dataclass", "one tuple in three lists"],
)
def test_other_containers_nest_as_deep_and_no_deeper(nest: Callable[[Any], object]) -> None:
    value: object = 1
    levels = 25 if isinstance(nest(1), list) else DEEPEST
    for _ in range(levels):
        value = nest(value)
    codec.record([0, 1, value])
    with pytest.raises(BridgeError, match="nests deeper than 100"):
        codec.record([0, 1, nest(value)])
    with pytest.raises(BridgeError, match="nests deeper than 100"):
        codec.record([0, 1, [value]])


def test_containers_of_all_kinds_count_together() -> None:
    codec.record([0, 1, in_turn(DEEPEST)])
    for levels in (DEEPEST + 1, DEEPEST + 50, 5_000):
        with pytest.raises(BridgeError, match="nests deeper than 100"):
            codec.record([0, 1, in_turn(levels)])


def test_few_tuples_in_very_many_lists_are_too_deep() -> None:
    with pytest.raises(BridgeError, match="nests deeper than 100"):
        codec.record([0, 1, deep(99, (deep(99, (1,)),))])


def test_a_container_that_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append((circle,))
    point = Point()
    point.x = point
    pairs: dict[Any, Any] = {}
    pairs[1] = pairs
    plain: list[Any] = []
    plain.append(plain)
    for value in (circle, point, pairs, plain):
        with pytest.raises(BridgeError, match="contains itself"):
            codec.record([0, 1, value])


@pytest.mark.parametrize("value", ["", "abc", "äö", b"1234", [1, 2], {"a": "b"}])
def test_the_size_of_a_chunk_is_about_what_it_takes_on_the_wire(value: object) -> None:
    _, size = codec.chunk(1, value)
    assert abs(size - len(ormsgpack.packb(value))) <= 8


@pytest.mark.parametrize("count", [0, 14, 15, 16, 256])
def test_a_batch_holds_as_many_records_as_were_put_into_it(count: int) -> None:
    for name in CODECS:
        codec = CODECS[name]()
        records = [codec.record([0, i, i]) for i in range(count)]
        assert codec.decode(codec.document(2, records)) == [2, *([0, i, i] for i in range(count))]


@given(st.binary(max_size=64))
def test_no_bytes_make_the_decoder_fail_in_another_way(document: bytes) -> None:
    for name in CODECS:
        try:
            batch = CODECS[name]().decode(document)
        except ProtocolError:
            continue
        assert isinstance(batch[0], int)
