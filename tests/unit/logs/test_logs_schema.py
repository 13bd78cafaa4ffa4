import pyarrow as pa

from stillwatch.domain.tables import ACCOUNTS, EVENTS, LABELS
from stillwatch.logs import ACCOUNTS_SCHEMA, EVENTS_SCHEMA, LABELS_SCHEMA, events_schema


def test_schemas_have_the_tables_columns_in_order():
    for schema, columns in (
        (EVENTS_SCHEMA, EVENTS),
        (ACCOUNTS_SCHEMA, ACCOUNTS),
        (LABELS_SCHEMA, LABELS),
    ):
        assert schema.names == [column.name for column in columns]


def test_types_are_those_of_the_design():
    assert EVENTS_SCHEMA.field("timestamp").type == pa.timestamp("us", "UTC")
    assert EVENTS_SCHEMA.field("asn").type == pa.int64()
    assert EVENTS_SCHEMA.field("turn").type == pa.int32()
    assert EVENTS_SCHEMA.field("temperature").type == pa.float32()
    assert EVENTS_SCHEMA.field("stream").type == pa.bool_()
    assert LABELS_SCHEMA.field("attack_share").type == pa.float32()


def test_required_columns_are_always_wanted():
    assert events_schema(frozenset()).names == [c.name for c in EVENTS if c.required]
    assert events_schema(None) == EVENTS_SCHEMA
