"""Tables of pyarrow, pandas and polars <-> an Arrow IPC stream. Imported only for a table.

The libraries are found in what is loaded, or, for a table from the host, imported by name.
"""

import importlib
import io
import sys
from typing import Any

from snakepit_bridge.errors import NotBegunError
from snakepit_bridge.values import kinds
from snakepit_bridge.values.binary import Binary, leaf
from snakepit_bridge.values.forms import Former
from snakepit_bridge.values.kinds import Extension
from snakepit_bridge.values.refusals import UnsupportedError

# In the schema's metadata of a pandas Series without a name; a column must have one.
UNNAMED = b"snakepit.unnamed"

# None of these libraries has types that mypy can rely on being there.
Table = Any


def former_of(kind: type) -> Former | None:
    for source, (module, write, _) in SOURCES.items():
        loaded = sys.modules.get(module)
        if loaded is not None and kind is getattr(loaded, source.rpartition(".")[2], None):
            return lambda value: _form(source, write, value)
    return None


def _form(source: str, write: Any, value: Table) -> Extension:  # noqa: ANN401
    try:
        return Extension(kinds.TABLE, [source, leaf(write(value))])
    except ImportError as error:
        raise UnsupportedError(f"needs {error.name} to be sent; install it") from None
    except Exception as error:
        # Its message may quote what is in the table, and errors end up in logs.
        why = f"cannot be written as Arrow ({type(error).__name__})"
        raise UnsupportedError(f"{why}; its columns need one type each and a name") from None


def table_of(source: str, data: Binary) -> Table:
    """Raises `NotBegunError` UNSUPPORTED without the library, `ValueError` for no Arrow stream."""
    if source not in SOURCES:
        raise ValueError(f"there is no kind of table {source!r}")
    _, _, read = SOURCES[source]
    try:
        return read(data)
    except ImportError as error:
        message = f"is a {source} and needs {error.name}; install it where the workers run"
        raise NotBegunError("UNSUPPORTED", message) from None
    except Exception as error:
        message = f"the bytes are not the Arrow IPC stream of a {source} ({type(error).__name__})"
        raise ValueError(message) from None


def _write_arrow(table: Table) -> memoryview:
    pyarrow = importlib.import_module("pyarrow")
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return memoryview(sink.getvalue())


def _read_arrow(data: Binary) -> Table:
    return importlib.import_module("pyarrow").ipc.open_stream(data).read_all()


def _read_batch(data: Binary) -> Table:
    table = _read_arrow(data).combine_chunks()
    batches = table.to_batches()
    if batches:
        return batches[0]
    pyarrow = importlib.import_module("pyarrow")
    return pyarrow.RecordBatch.from_pylist([], schema=table.schema)


def _write_frame(frame: Table) -> memoryview:
    if frame.columns.inferred_type.startswith("mixed"):
        raise ValueError("pyarrow would turn the names of its columns into text")
    return _write_arrow(importlib.import_module("pyarrow").Table.from_pandas(frame))


def _read_frame(data: Binary) -> Table:
    importlib.import_module("pandas")
    return _read_arrow(data).to_pandas()


def _write_series(series: Table) -> memoryview:
    table = importlib.import_module("pyarrow").Table.from_pandas(series.to_frame())
    if series.name is None:
        table = table.replace_schema_metadata({**table.schema.metadata, UNNAMED: b""})
    return _write_arrow(table)


def _read_series(data: Binary) -> Table:
    importlib.import_module("pandas")
    table = _read_arrow(data)
    series = table.to_pandas().iloc[:, 0]
    return series.rename(None) if UNNAMED in (table.schema.metadata or {}) else series


def _write_polars(frame: Table) -> memoryview:
    polars = importlib.import_module("polars")
    sink = io.BytesIO()
    # Not the newest layouts: apache-arrow for JavaScript does not read its views of text.
    frame.write_ipc_stream(sink, compat_level=polars.CompatLevel.oldest())
    return sink.getbuffer()


def _read_polars(data: Binary) -> Table:
    return importlib.import_module("polars").read_ipc_stream(io.BytesIO(data))


# What a table is called on the wire: the module that is loaded where there is one, how it becomes
# bytes, and how bytes become it.
SOURCES = {
    "pyarrow.Table": ("pyarrow", _write_arrow, _read_arrow),
    "pyarrow.RecordBatch": ("pyarrow", _write_arrow, _read_batch),
    "pandas.DataFrame": ("pandas", _write_frame, _read_frame),
    "pandas.Series": ("pandas", _write_series, _read_series),
    "polars.DataFrame": ("polars", _write_polars, _read_polars),
    "polars.Series": (
        "polars",
        lambda series: _write_polars(series.to_frame()),
        lambda data: _read_polars(data).to_series(),
    ),
}
