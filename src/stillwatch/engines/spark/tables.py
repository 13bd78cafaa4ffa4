"""What only Spark can read: tables of its catalogs (Iceberg among them) and foreign file systems.

``table:NAME`` is any table or view that Spark's catalogs know, or a file in Spark's own way of
writing it (``table:parquet.`hdfs:///logs/day```). An address of a file system that no reader of
the project knows (``hdfs://``, ``abfss://`` and others) is a folder of Parquet there. The columns
are taken by the same rules and mapping as those of a Parquet file.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from stillwatch.engines.spark.faults import gist
from stillwatch.errors import InputError
from stillwatch.logs import Quarantine, Reading, ReadOptions, Tally
from stillwatch.logs.interface import Source
from stillwatch.logs.parquet import ParquetFormat, needed, require

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLE: Final = "table:"
_FOREIGN: Final = re.compile(r"^(hdfs|viewfs|dbfs|wasbs?|abfss?|o3fs|ofs|oss|cosn?|swift)://", re.I)


@dataclass(frozen=True, slots=True)
class SparkFormat(ParquetFormat):
    """Tables that Spark reads."""

    name: str = "spark"


@dataclass(frozen=True, slots=True)
class Opened:
    """A table, its columns checked and projected."""

    reading: Reading
    frame: "DataFrame"


def is_table(path: str) -> bool:
    """Whether a name on the command line is for Spark to resolve."""
    return path.startswith(TABLE) or _FOREIGN.match(path) is not None


def opened(
    session: "SparkSession",
    path: str,
    options: ReadOptions,
    quarantine: Quarantine,
    tally: Tally,
) -> Opened:
    """Resolve a table. Raises ``InputError`` where it is missing or lacks a required column."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an optional extra

    reading = Reading(Source(path, "spark", 0, None), options, quarantine, tally)
    try:
        if path.startswith(TABLE):
            frame = session.table(path.removeprefix(TABLE))
        else:
            frame = session.read.parquet(path)
        schema: pa.Schema = frame.limit(0).toArrow().schema
    except PySparkException as error:
        raise InputError(
            f"Spark cannot read {path}: {gist(str(error))}",
            hint="check the name, and the catalog's settings (--spark-conf)",
        ) from None
    require(reading, schema)
    columns = [frame[f"`{name.replace('`', '``')}`"] for name in needed(reading, schema)]
    return Opened(reading, frame.select(*columns))
