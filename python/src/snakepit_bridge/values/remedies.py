"""What to send in place of an object that has no form on the wire."""

from snakepit_bridge.values.refusals import type_name

# By the class or an ancestor of it, the nearest first; `x` stands for the object. NumPy and pandas
# have moved some of these classes between versions.
SEND_INSTEAD = {
    "collections.deque": "list(x)",
    "range": "list(x)",
    "dict_keys": "list(x)",
    "dict_values": "list(x)",
    "dict_items": "list(x)",
    "odict_keys": "list(x)",
    "odict_values": "list(x)",
    "odict_items": "list(x)",
    "generator": "list(x)",
    "map": "list(x)",
    "filter": "list(x)",
    "zip": "list(x)",
    "enumerate": "list(x)",
    "reversed": "list(x)",
    "array.array": "list(x)",
    "mappingproxy": "dict(x)",
    "collections.UserDict": "dict(x)",
    # It has a plain class that the wire does not carry either.
    "fractions.Fraction": "str(x) or float(x)",
    "pandas.Timestamp": "x.to_pydatetime()",
    "pandas._libs.tslibs.timestamps.Timestamp": "x.to_pydatetime()",
    "pandas.Timedelta": "x.to_pytimedelta()",
    "pandas._libs.tslibs.timedeltas.Timedelta": "x.to_pytimedelta()",
    "pandas.api.typing.NaTType": "None",
    "pandas._libs.tslibs.nattype.NaTType": "None",
    "pandas.api.typing.NAType": "None",
    "pandas._libs.missing.NAType": "None",
    "pandas.Index": "x.tolist()",
    "pandas.core.indexes.base.Index": "x.tolist()",
    # Of which the array has no element to be filled in.
    "numpy.ma.core.MaskedConstant": "None",
    "numpy.ma.MaskedArray": "x.filled()",
    "numpy.ma.core.MaskedArray": "x.filled()",
    "numpy.ndarray": "numpy.asarray(x)",
    "torch.Tensor": "x.as_subclass(torch.Tensor)",
    "torch.dtype": "str(x)",
    "torch.device": "str(x)",
    "pandas.DataFrame": "pandas.DataFrame(x)",
    "pandas.core.frame.DataFrame": "pandas.DataFrame(x)",
    "pandas.Series": "pandas.Series(x)",
    "pandas.core.series.Series": "pandas.Series(x)",
    # Their subclasses, as OrderedDict, defaultdict and Counter are some of dict.
    "str": "str(x)",
    "int": "int(x)",
    "float": "float(x)",
    "complex": "complex(x)",
    "decimal.Decimal": "Decimal(x)",
    "datetime.datetime": "datetime.combine(x.date(), x.timetz())",
    "datetime.date": "date(x.year, x.month, x.day)",
    "datetime.time": "time.fromisoformat(x.isoformat())",
    "datetime.timedelta": "timedelta(x.days, x.seconds, x.microseconds)",
    "uuid.UUID": "UUID(int=x.int)",
    # Since Python 3.13 these are defined in a module beside pathlib.
    "pathlib.Path": "Path(x)",
    "pathlib._local.Path": "Path(x)",
    "pathlib.PureWindowsPath": "PureWindowsPath(x)",
    "pathlib._local.PureWindowsPath": "PureWindowsPath(x)",
    "pathlib.PurePath": "PurePosixPath(x)",
    "pathlib._local.PurePath": "PurePosixPath(x)",
    "bytes": "bytes(x)",
    "bytearray": "bytes(x)",
    "list": "list(x)",
    "tuple": "tuple(x)",
    "dict": "dict(x)",
    "set": "set(x)",
    "frozenset": "frozenset(x)",
}


def not_carried(kind: type) -> str:
    """Why an object of this class is refused, and the way out. Runs no code of the class."""
    return f"is of a type that the wire does not carry; send {_instead_of(kind)}"


def _instead_of(kind: type) -> str:
    ancestors = kind.__mro__
    if tuple in ancestors and any("_fields" in vars(ancestor) for ancestor in ancestors):
        return "tuple(x) or x._asdict()"
    for ancestor in ancestors:
        instead = SEND_INSTEAD.get(type_name(ancestor))
        if instead is not None:
            return instead
    return "a dict, list or dataclass of it, or let python.unknownObjects decide"
