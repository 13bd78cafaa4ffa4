"""The engine of a run, started and ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from stillwatch.engines.interface import Engine
from stillwatch.engines.local import LocalEngine
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.profiles.phrases import FamilyTable


@contextmanager
def started(
    families: FamilyTable, workers: int, spark: SparkOptions | None, *, keeps: bool = False
) -> Iterator[Engine]:
    """The cores of this machine (``workers`` of them), or a cluster where ``spark`` says which.

    ``keeps``: a cluster keeps the profiles that it hands over, so that it can link them.
    """
    if spark is None:
        yield LocalEngine(families, workers)
        return
    from stillwatch.engines.spark.engine import SparkEngine  # noqa: PLC0415 - an optional extra
    from stillwatch.engines.spark.session import opened  # noqa: PLC0415

    with opened(spark) as session:
        yield SparkEngine(session, families, spark, keeps)
