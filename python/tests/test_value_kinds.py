"""The kinds beyond plain data: what NumPy, Arrow and the host may do to them."""

import dataclasses
import datetime
import decimal
import enum
import os
import pathlib
import sys
import threading
import uuid
from typing import Any

import ml_dtypes
import numpy
import ormsgpack
import pandas
import polars
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.codecs import MsgpackCodec
from snakepit_bridge.errors import BridgeError, NotBegunError
from snakepit_bridge.referring_codec import ReferringCodec
from snakepit_bridge.values import kinds
from snakepit_bridge.values.reader import Unreadable
from snakepit_bridge.values.refs import Refs, refs
from snakepit_bridge.values.unknown import placeholder

sys.path.append(str(pathlib.Path(__file__).parents[2] / "proto"))
from value_cases import same

codec = MsgpackCodec()


def echo(value: object, codec: MsgpackCodec = codec) -> Any:  # noqa: ANN401
    (_, record) = codec.decode(codec.document(0, [codec.record([0, 1, value])]))
    return record[2]


def extension(kind: int, content: object) -> ormsgpack.Ext:
    return ormsgpack.Ext(kind, ormsgpack.packb(content))


def arguments(value: object) -> Any:  # noqa: ANN401
    """What becomes of a call's arguments that hold this on the wire."""
    batch = codec.decode(ormsgpack.packb([0, [0, 7, "a", {"x": value}], [0, 8, "b", {"y": 1}]]))
    assert batch[2][3] == {"y": 1}
    return batch[1][3]


zones = st.none() | st.builds(
    datetime.timezone,
    st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)),
)
# Not `fold`: where the offset does not depend on it, it says nothing, and is not carried.
hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.datetimes(timezones=zones).map(lambda moment: moment.replace(fold=0))
    | st.dates()
    | st.times(timezones=zones).map(lambda time: time.replace(fold=0))
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
)
hashable_nested = st.recursive(
    hashable,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(hashable_nested, max_size=4)
        | st.dictionaries(hashable_nested, inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=400, derandomize=True)
@given(values)
def test_whatever_is_made_of_these_kinds_arrives_as_it_was(value: object) -> None:
    assert same(value, echo(value))


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex64", "bool", ml_dtypes.bfloat16])
def test_an_array_arrives_whatever_its_layout(dtype: Any) -> None:  # noqa: ANN401
    rows = numpy.arange(24).reshape(2, 3, 4).astype(dtype)
    for array in [rows, rows[::-1, 1:, ::2], rows.T, numpy.asfortranarray(rows), rows[0, 0, 0:1]]:
        back = echo(array)
        assert same(numpy.ascontiguousarray(array), back)
        assert back.flags.writeable
        back[...] = 0


def test_an_array_of_the_other_byte_order_keeps_its_numbers() -> None:
    for dtype in (">f4", ">i8", ">u2", ">c16", ">f2"):
        array = numpy.array([1, 258], dtype)
        back = echo(array)
        assert back.dtype == array.dtype.newbyteorder("<")
        assert back.tolist() == array.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 1, 1), (1,) * 32])
def test_an_array_keeps_its_shape(shape: tuple[int, ...]) -> None:
    array = numpy.ones(shape, "float32")
    assert same(array, echo(array))


@pytest.mark.parametrize(
    ("scalar", "plain"),
    [
        (numpy.int64(5), 5),
        (numpy.uint64(2**64 - 1), 2**64 - 1),
        (numpy.float32(1.5), 1.5),
        (numpy.float64(2.5), 2.5),
        (numpy.float16(0.5), 0.5),
        (numpy.bool_(True), True),
        (numpy.complex64(1 + 2j), 1 + 2j),
        (numpy.str_("x"), "x"),
        (numpy.bytes_(b"x"), b"x"),
        (ml_dtypes.bfloat16(1.5), 1.5),
    ],
    ids=repr,
)
def test_a_numpy_scalar_is_the_plain_value(scalar: object, plain: object) -> None:
    assert same(echo(scalar), plain)
    assert same(echo({"deep": [scalar]}), {"deep": [plain]})
    assert same(echo([scalar, {1: scalar}]), [plain, {1: plain}])


def test_a_tensor_without_numpy_is_refused_and_its_call_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tensor = extension(kinds.TENSOR, ["float32", [1], b"\0\0\0\0"])
    assert arguments(tensor) == {"x": numpy.zeros(1, "float32")}
    monkeypatch.setitem(sys.modules, "numpy", None)
    refused = arguments(tensor)
    assert isinstance(refused, Unreadable)
    assert refused.error.code == "UNSUPPORTED"
    assert "args.x (Tensor) is of float32 and needs numpy" in str(refused.error)


@pytest.mark.parametrize("module", ["pyarrow", "pandas", "polars"])
def test_a_table_without_its_library_is_refused_by_name(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"{module}.DataFrame" if module != "pyarrow" else "pyarrow.Table"
    monkeypatch.setitem(sys.modules, module, None)
    refused = arguments(extension(kinds.TABLE, [source, b""]))
    assert isinstance(refused, Unreadable)
    assert refused.error.code == "UNSUPPORTED"
    assert f"needs {module}" in str(refused.error)


@pytest.mark.parametrize(
    "table",
    [
        pyarrow.table({}),
        pyarrow.table({"a": pyarrow.chunked_array([[1], [2, None]])}),
        pyarrow.RecordBatch.from_pydict({"a": pyarrow.array([], "int32")}),
        pandas.DataFrame(),
        pandas.DataFrame({"a": [1], "b": ["x"]}).rename(index={0: "r"}),
        pandas.DataFrame({1: [1], 2: [2.5]}, index=pandas.MultiIndex.from_tuples([(1, "x")])),
        pandas.DataFrame({"c": pandas.Categorical(["a", "b", "a"]), "d": [True, False, True]}),
        pandas.Series([1, 2]),
        pandas.Series(["a"], name="s"),
        pandas.Series([1], name=3),
        polars.DataFrame(),
        polars.DataFrame({"a": [[1], None], "b": [datetime.date(2024, 1, 1), None]}),
        polars.Series("s", []),
    ],
    ids=lambda table: f"{type(table).__module__} {table.shape}",
)
def test_a_table_comes_back_as_the_kind_that_it_was(table: Any) -> None:  # noqa: ANN401
    back = echo(table)
    assert type(back) is type(table)
    if isinstance(table, pandas.DataFrame | pandas.Series):
        equals = (
            pandas.testing.assert_frame_equal
            if isinstance(table, pandas.DataFrame)
            else pandas.testing.assert_series_equal
        )
        equals(back, table)
    else:
        assert back.equals(table)


@pytest.mark.parametrize(
    "part",
    [
        extension(99, None),
        extension(kinds.SET, [[1]]),
        extension(kinds.SET, [1, True]),
        extension(kinds.MAP, [1, "a", True, "b"]),
        extension(kinds.MAP, [1]),
        extension(kinds.MAP, 5),
        extension(kinds.INTEGER, "text"),
        extension(kinds.DATETIME, "yesterday"),
        extension(kinds.DATETIME, "2024-01-01T00:00:00+00:00[../../etc/passwd]"),
        extension(kinds.DATE, 7),
        extension(kinds.TIMEDELTA, [10**12, 0, 0]),
        extension(kinds.DECIMAL, "1,5"),
        extension(kinds.UUID, "x"),
        extension(kinds.COMPLEX, b"123"),
        extension(kinds.PATH, ["Popen", "ls"]),
        extension(kinds.ENUM, ["os.path", "join", 1]),
        extension(kinds.ENUM, ["builtins.int", "x", 1]),
        extension(kinds.OBJECT, ["os.Popen", {}]),
        extension(kinds.TENSOR, ["float32", [2], b"1234"]),
        extension(kinds.TENSOR, ["float32", [-1, -1], b"1234"]),
        extension(kinds.TENSOR, ["object", [1], b"12345678"]),
        extension(kinds.TENSOR, None),
        extension(kinds.TABLE, ["pyarrow.Table", b"no stream"]),
        extension(kinds.TABLE, ["pickle.loads", b""]),
        extension(kinds.REF, ["w9", "abc.1", "Model", ""]),
        extension(kinds.PLACEHOLDER, ["Model", ""]),
        ormsgpack.Ext(kinds.TUPLE, b"\xc1"),
    ],
    ids=lambda part: None,
)
def test_what_is_no_value_of_its_kind_ends_its_call_and_no_other(part: object) -> None:
    for value, path in [
        (part, "args.x"),
        ([0, {"deep": part}], "args.x[1].deep"),
        (ormsgpack.Ext(kinds.TUPLE, ormsgpack.packb([part])), "args.x[0]"),
    ]:
        refused = arguments(value)
        assert isinstance(refused, Unreadable)
        assert refused.error.details is not None
        assert refused.error.details["path"] == path
        assert str(refused.error).startswith(path)


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Reading(enum.Enum):
    GRID = numpy.zeros(2)
    NONE = float("nan")
    FIRST = "first"
    ALSO_FIRST = "first"


@pytest.mark.parametrize(
    ("member", "name", "value"),
    [
        (Access.READ, "READ", 1),
        (Access.READ | Access.WRITE, "", 3),
        (Access.READ | Access.WRITE, "READ|WRITE", 3),
        (Access.READ, "", 1),
        (Reading.NONE, "NONE", float("nan")),
        (Reading.FIRST, "ALSO_FIRST", "first"),
    ],
)
def test_a_member_of_an_enum_is_found_by_its_name_and_value(
    member: enum.Enum, name: str, value: object
) -> None:
    kind = f"{__name__}.{type(member).__name__}"
    assert arguments(extension(kinds.ENUM, [kind, name, value]))["x"] is member


def test_a_member_whose_value_is_an_array_is_found_by_its_name() -> None:
    assert echo(Reading.GRID) is Reading.GRID


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("READ", 2, "the name READ and the value of WRITE"),
        ("READ", 3, "the name READ and the value of READ|WRITE"),
        ("READ", "secret", "the name READ and a value that is none of its own"),
        ("secret", 1, "a name that is none of its own and the value of READ"),
        ("secret", "secret", "a name that is none of its own and a value that is none of its own"),
    ],
)
def test_an_enum_whose_name_and_value_contradict_each_other_is_refused(
    name: str, value: object, says: str
) -> None:
    refused = arguments(extension(kinds.ENUM, [f"{__name__}.Access", name, value]))
    assert isinstance(refused, Unreadable)
    assert isinstance(refused.error, NotBegunError)
    assert refused.error.code == "SERIALIZATION"
    kind = f"{__name__}.Access"
    assert str(refused.error) == f"args.x (PyEnum) is said to be of {kind}, with {says}"


@pytest.mark.parametrize(
    "text",
    [
        "2024-07-01T12:00:00+01:00[Europe/Berlin]",
        "2024-07-01T12:00:00[Europe/Berlin]",
        "2024-10-27T02:30:00+03:00[Europe/Berlin]",
    ],
)
def test_a_datetime_whose_offset_is_none_of_its_zone_is_refused(text: str) -> None:
    refused = arguments(extension(kinds.DATETIME, text))
    assert isinstance(refused, Unreadable)
    assert isinstance(refused.error, NotBegunError)
    assert refused.error.code == "SERIALIZATION"
    says = "args.x (PyDateTime) has an offset that Europe/Berlin does not have at that time"
    assert str(refused.error) == says


@pytest.mark.parametrize("offset", ["+02:00", "+01:00"])
def test_each_of_two_equal_wall_times_is_told_by_its_offset(offset: str) -> None:
    text = f"2024-10-27T02:30:00{offset}"
    moment = arguments(extension(kinds.DATETIME, f"{text}[Europe/Berlin]"))["x"]
    assert moment.isoformat() == text
    assert moment.tzinfo.key == "Europe/Berlin"


def test_bytes_of_a_pickle_are_bytes() -> None:
    blob = b"cos\nsystem\n(S'false'\ntR."
    assert echo(blob) == blob


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (
            extension(kinds.SET, [[1]]),
            "args.x (Set) holds a list, which cannot be a member of a set in Python; "
            "a tuple of plain values can: PyTuple.of(…)",
        ),
        (
            ormsgpack.Ext(kinds.MAP, ormsgpack.packb([extension(kinds.TUPLE, [1, [2]]), "a"])),
            "args.x (Map) holds a tuple with a list in it, which cannot be a key of a dict in "
            "Python; a tuple of plain values can: PyTuple.of(…)",
        ),
        (
            ormsgpack.Ext(
                kinds.FROZENSET,
                ormsgpack.packb(
                    [ormsgpack.Ext(kinds.TUPLE, ormsgpack.packb([extension(kinds.TUPLE, [{}])]))]
                ),
            ),
            "args.x (PyFrozenSet) holds a tuple with a dict in it, which cannot be a member of a "
            "set in Python; a tuple of plain values can: PyTuple.of(…)",
        ),
        (
            extension(kinds.SET, [1, True]),
            "args.x (Set) has two members that are equal in Python",
        ),
        (
            extension(kinds.MAP, [1, "a", True, "b"]),
            "args.x (Map) has two keys that are equal in Python",
        ),
        (
            extension(kinds.TABLE, ["pyarrow.Table", b"no stream"]),
            "args.x (ArrowTable) cannot be made in Python: the bytes are not the Arrow IPC stream "
            "of a pyarrow.Table (ArrowInvalid)",
        ),
        (
            extension(kinds.TENSOR, ["float32", [2], b"1234"]),
            "args.x (Tensor) cannot be made in Python: 4 bytes are no array of float32 and shape "
            "[2]",
        ),
        (
            extension(kinds.DECIMAL, "1,5"),
            "args.x (PyDecimal) cannot be made in Python: InvalidOperation",
        ),
        (
            extension(kinds.PLACEHOLDER, ["Model", ""]),
            "args.x (PyPlaceholder) is for the host only; send what it stands for",
        ),
        (
            extension(99, None),
            "args.x (extension 99) is of a kind that this worker does not know; use one version "
            "on both sides",
        ),
        (
            ormsgpack.Ext(
                kinds.ENUM,
                ormsgpack.packb([f"{__name__}.Access", "READ", extension(kinds.SET, [1, True])]),
            ),
            "args.x (PyEnum) has a value (Set) that has two members that are equal in Python",
        ),
    ],
    ids=lambda value: value.partition(")")[0] if isinstance(value, str) else "",
)
def test_a_value_that_python_cannot_make_is_called_as_its_host_calls_it(
    value: object, says: str
) -> None:
    refused = arguments(value)
    assert isinstance(refused, Unreadable)
    assert str(refused.error) == says
    assert refused.error.details == {
        "path": "args.x",
        "type": says[says.index("(") + 1 : says.index(")")],
    }


def test_each_kind_has_the_name_that_the_host_has_for_it() -> None:
    codes = {
        code
        for name, code in vars(kinds).items()
        if isinstance(code, int) and name not in ("PART", "SEQUENCES")
    }
    assert set(kinds.HOST_NAMES) == codes


@pytest.mark.parametrize(
    ("pairs", "subject"),
    [
        ([extension(kinds.DECIMAL, "x"), 1], "args.x[0] (PyDecimal), a key,"),
        ([1, extension(kinds.DECIMAL, "x")], "args.x[0] (PyDecimal) cannot"),
        (
            [
                ormsgpack.Ext(kinds.TUPLE, ormsgpack.packb([1, extension(kinds.DECIMAL, "x")])),
                1,
            ],
            "args.x[0][1] (PyDecimal), part of a key,",
        ),
    ],
)
def test_a_key_that_cannot_be_made_is_told_from_its_item(pairs: list[Any], subject: str) -> None:
    refused = arguments(ormsgpack.Ext(kinds.MAP, ormsgpack.packb(pairs)))
    assert isinstance(refused, Unreadable)
    assert str(refused.error).startswith(subject)


def test_extensions_in_extensions_without_end_are_refused() -> None:
    value = extension(kinds.TUPLE, [])
    for _ in range(150):
        value = ormsgpack.Ext(kinds.TUPLE, ormsgpack.packb([value]))
    refused = arguments(value)
    assert isinstance(refused, Unreadable)
    assert "(PyTuple) nests deeper than 100" in str(refused.error)


class Opaque:
    def __repr__(self) -> str:
        raise RuntimeError("nobody may ask")

    def __len__(self) -> int:
        raise RuntimeError("nobody may ask")


class Row(dict[str, int]):
    def __len__(self) -> int:
        raise RuntimeError("nobody may ask")


@dataclasses.dataclass
class Holder:
    it: object


def test_a_placeholder_says_class_and_length_without_running_any_code() -> None:
    codec = MsgpackCodec(placeholder)
    seen: list[Any] = []

    def keep(kind: int, data: bytes) -> None:
        seen.append((kind, ormsgpack.unpackb(data, ext_hook=keep)))

    packed = codec.record([0, 1, [Opaque(), Row(a=1, b=2), {3: Row()}, numpy.zeros(1, "M8[s]")]])
    ormsgpack.unpackb(packed, ext_hook=keep)
    name = f"{__name__}.Opaque"
    assert seen[0] == (kinds.PLACEHOLDER, [name, name])
    assert seen[1] == (kinds.PLACEHOLDER, [f"{__name__}.Row", f"{__name__}.Row (2 items)"])
    assert seen[-1] == (kinds.PLACEHOLDER, ["numpy.ndarray", "numpy.ndarray"])


def test_a_reference_is_the_object_until_it_is_released() -> None:
    kept = Refs()
    kept.begin("w1")
    thing = Opaque()
    ref = kept.form_of(thing, None, []).content
    assert kept.form_of(thing, None, []).content == ref
    assert kept.look_up(ref) is thing  # type: ignore[arg-type]
    assert kept.release([ref[1], "other"]) == 1  # type: ignore[index]
    with pytest.raises(BridgeError) as caught:
        kept.look_up(ref)  # type: ignore[arg-type]
    assert caught.value.code == "NOT_FOUND"


def test_an_object_that_two_sessions_know_lives_as_long_as_the_last_of_them() -> None:
    kept = Refs()
    kept.begin("w1")
    thing = Opaque()
    one = kept.form_of(thing, "one", []).content
    other: Any = kept.form_of(thing, "other", []).content
    assert one != other
    kept.release_session("one")
    assert kept.look_up(other) is thing
    kept.release_session("other")
    assert len(kept) == 0


def test_a_reply_that_is_refused_leaves_no_references_behind() -> None:
    refs.begin("w1")
    referring = ReferringCodec()
    before = len(refs)
    with pytest.raises(BridgeError):
        referring.record([0, 1, [[Opaque() for _ in range(5)], "\ud800"]])
    assert len(refs) == before


class OddZone(datetime.tzinfo):
    """Its `key` is no zone that anybody could look up."""

    key = "a]b[c"

    def utcoffset(self, _: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(hours=2)


def test_a_zone_of_somebodys_own_is_sent_as_its_offset() -> None:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=OddZone())
    assert (
        ormsgpack.unpackb(
            codec.record([0, 1, moment]), ext_hook=lambda _, data: ormsgpack.unpackb(data)
        )[2]
        == "2024-01-02T03:04:05+02:00"
    )


def test_a_view_in_steps_is_the_bytes_that_it_shows() -> None:
    assert echo(memoryview(b"abc")[::-1]) == b"cba"
    assert echo([memoryview(b"abcdef")[::2], (1,)]) == [b"ace", (1,)]


def test_a_worker_of_the_same_name_does_not_know_the_references_of_its_predecessor() -> None:
    first, second = Refs(), Refs()
    first.begin("w1")
    second.begin("w1")
    ref = first.form_of(Opaque(), None, []).content
    second.form_of(Opaque(), None, [])
    with pytest.raises(BridgeError) as caught:
        second.look_up(ref)  # type: ignore[arg-type]
    assert caught.value.code == "SESSION_LOST"
    assert "of an earlier worker w1, which has ended; make the object again" in str(caught.value)
    second.begin("w2")
    with pytest.raises(BridgeError, match="lives in worker w1, and this is w2; make both calls"):
        second.look_up(ref)  # type: ignore[arg-type]


def test_a_session_takes_its_references_with_it_and_those_of_calls_that_outlive_it() -> None:
    refs.begin("w1")
    codec = ReferringCodec()
    codec.decode(ormsgpack.packb([0, [0, 1, "a", {}, None, "one"], [0, 2, "a", {}, None, "one"]]))
    codec.decode(ormsgpack.packb([0, [0, 3, "a", {}, None, "two"], [0, 4, "a", {}]]))
    before = len(refs)
    for call_id in (1, 3, 4):
        codec.record([0, call_id, (Opaque(), Holder(Opaque()))])
    assert len(refs) == before + 6
    codec.decode(ormsgpack.packb([0, [6, 0, "one"]]))
    assert len(refs) == before + 4
    with pytest.raises(BridgeError):
        codec.record([0, 2, Opaque()])
    # The id is free again, and its next call has no session.
    codec.decode(ormsgpack.packb([0, [0, 2, "a", {}]]))
    codec.record([0, 2, Opaque()])
    assert len(refs) == before + 5
    codec.decode(ormsgpack.packb([0, [6, 0, "two"], [6, 0, "unheard of"]]))
    assert len(refs) == before + 3


def test_threads_pack_side_by_side() -> None:
    value = {"a": (1, {2: decimal.Decimal(1)}), "b": [uuid.UUID(int=5)] * 50, "c": pathlib.Path()}
    expected = codec.record([0, 1, value])
    wrong: list[bytes] = []

    def pack() -> None:
        wrong.extend(
            packed for _ in range(200) if (packed := codec.record([0, 1, value])) != expected
        )

    threads = [threading.Thread(target=pack) for _ in range(min(4, os.cpu_count() or 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
