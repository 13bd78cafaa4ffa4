"""Large bodies of Bedrock invocations, which are delivered as objects of their own.

``inputBodyS3Path`` is the address at the time of delivery; the log may have been copied since.
Rule: the object is looked for where Bedrock puts it, in the folder ``data`` beside the log file,
and nowhere else: a record must not make the reader open whatever it names.
"""

from pathlib import PurePosixPath
from typing import Any

from stillwatch.errors import InputError
from stillwatch.logs import lenient, streams
from stillwatch.logs.interface import Reading, Source


def fetch_body(reading: Reading, record: dict[str, Any], side: str) -> None:
    """Put the ``input`` or ``output`` body in its place in the record, if it can be had."""
    told = record.get(side)
    if not isinstance(told, dict) or told.get(f"{side}BodyJson") is not None:
        return
    path = told.get(f"{side}BodyS3Path")
    if not isinstance(path, str):
        return
    body = _read(reading, PurePosixPath(path).name)
    if body is not None:
        told[f"{side}BodyJson"] = body


def _read(reading: Reading, name: str) -> Any:
    log = reading.source
    folder = log.path.replace("\\", "/").rpartition("/")[0]
    beside = f"{folder}/data/{name}" if folder else f"data/{name}"
    packed = "gzip" if name.endswith(".gz") else None
    most = reading.options.limits.line_bytes
    try:
        raw = streams.head_of(Source(beside, log.format, 0, packed, log.remote), most + 1)
        return lenient.loads(raw) if len(raw) <= most else None
    except (InputError, ValueError):
        return None
