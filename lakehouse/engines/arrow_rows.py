"""Give Arrow rows the columns that a table declares, without loss, or say what they lack."""

from __future__ import annotations

import pyarrow as pa

from lakehouse.errors import DeclarationError
from lakehouse.table import Table


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of a table's log, in Arrow's plainest types: those that its files are read and written in."""
    return pa.schema([pa.field(one.name, plain_type(one.type), one.nullable) for one in schema])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The plainest type that holds the same values."""
    plain = kind
    if pa.types.is_dictionary(kind):
        plain = plain_type(kind.value_type)
    elif pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        plain = pa.string()
    elif pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        plain = pa.binary()
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        plain = pa.timestamp("us", "UTC")
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        plain = pa.list_(pa.field("element", plain_type(kind.value_type), kind.value_field.nullable))
    elif pa.types.is_struct(kind):
        plain = pa.struct([pa.field(one.name, plain_type(one.type), one.nullable) for one in kind])
    return plain


def conform_rows(table: Table, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with exactly the declared columns, in the types of ``schema``.

    Whole numbers and decimals take another width where no value is lost. Raises DeclarationError where the rows lack
    a column, have one more, or one of another type, or null where there is always a value.
    """
    have, want = set(rows.column_names), table.column_names
    wrong = [f"lacks {name}" for name in want if name not in have]
    wrong += [f"has {name}, which is not declared" for name in rows.column_names if name not in want]
    columns = {}
    for name in want:
        if name in have:
            try:
                columns[name] = _cast(rows[name], schema.field(name).type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
                wrong.append(f"makes {name} {rows[name].type}, declared {schema.field(name).type}")
                continue
            if rows[name].null_count and not schema.field(name).nullable:
                wrong.append(f"makes {name} null, which is required")
    if wrong:
        raise DeclarationError(f"What builds {table.name} {'; '.join(wrong)}.", "Fix one of the two.")
    return pa.table(columns, schema=pa.schema([schema.field(name) for name in want]))


def stored_rows(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the columns that are stored; one that is not declared any more is null."""
    have = set(rows.column_names)
    missing = {one.name: pa.nulls(rows.num_rows, one.type) for one in schema if one.name not in have}
    return pa.table([missing[n] if n in missing else rows[n] for n in schema.names], schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type.equals(kind):
        return column
    found = plain_type(column.type)
    if not (pa.types.is_null(found) or found.equals(kind) or _is_wider(found, kind) or _same_shape(found, kind)):
        raise pa.ArrowTypeError(f"{found} is not {kind}")
    if pa.types.is_integer(found) and pa.types.is_decimal(kind):
        column = column.cast(
            pa.decimal128(38, kind.scale)
        )  # Arrow refuses whole numbers for fewer digits than they might need
    return column.cast(kind)


def _is_wider(found: pa.DataType, kind: pa.DataType) -> bool:
    """Whether both are exact numbers: a cast that loses something fails."""
    whole = pa.types.is_integer(found) or pa.types.is_decimal(found)
    return bool(whole and (pa.types.is_integer(kind) or pa.types.is_decimal(kind)))


def _same_shape(found: pa.DataType, kind: pa.DataType) -> bool:
    """Whether both are lists or structs of the same, whatever a list calls its elements."""
    if pa.types.is_list(found) and pa.types.is_list(kind):
        return _same_shape(found.value_type, kind.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(kind):
        return [one.name for one in found] == [one.name for one in kind] and all(
            _same_shape(one.type, other.type) for one, other in zip(found, kind, strict=True)
        )
    return bool(found.equals(kind))
