"""Stored objects by their ids, found through the index (collection, id, version).

Rule: PostgreSQL must not choose. Before it has gathered statistics it takes every id for one in
two hundred of the table and would rather read the whole collection for a hundred of them; as the
inner side of a lateral join that cannot be taken apart, each id is one step into the index.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Subquery, Text, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from stillwatch.hub.schema import objects


def named(connection: Connection, collection: str, ids: Sequence[str]) -> Subquery:
    """All versions of these objects of a collection, with the columns of ``objects``."""
    here = select(objects).where(objects.c.collection == collection)
    if connection.dialect.name != "postgresql":
        return here.where(objects.c.stix_id.in_(ids)).subquery("named")
    wanted = (
        func.unnest(literal(sorted(set(ids)), ARRAY(Text)))
        .table_valued("id", name="wanted")
        .render_derived()
    )
    each = here.where(objects.c.stix_id == wanted.c.id).offset(0).lateral("each")
    return select(*each.c).select_from(wanted.join(each, true())).subquery("named")
