"""Object stores by Arrow's own clients: Amazon S3 and what speaks its language, Google Cloud Storage.

They need no extension and no network besides the store itself. Credentials come from where each
vendor's tools look (environment, profile, role of the machine); ``AWS_ENDPOINT_URL`` names an
S3 server of one's own. Text of any format streams through the same readers as a local file;
tables go through DuckDB on top of the same client (``remote``). Source: Apache Arrow
documentation, "Filesystem Interface".

>>> covers("s3://logs/day.jsonl"), covers("https://example.org/day.jsonl")
(True, False)
"""

import os
import re
from fnmatch import translate
from typing import Any, Final

from pyarrow import fs

from stillwatch.errors import InputError

_ADDRESS: Final = re.compile(r"^(s3a?|gs|gcs)://([^/]*)/?(.*)$", re.IGNORECASE | re.DOTALL)
_MAGIC: Final = re.compile(r"[*?[]")
_CONNECT_SECONDS: Final = 10
_ATTEMPTS: Final = 3


def covers(address: str) -> bool:
    """Tell whether the address is of a store that is read by its own client."""
    return _ADDRESS.match(address) is not None


def client(address: str) -> fs.FileSystem:
    """Return the client of an address; ``InputError`` where none can be made."""
    scheme, bucket, _ = _parts(address)
    if not bucket:
        raise InputError(f"{address} names no bucket", hint="write it as s3://BUCKET/KEY")
    try:
        return _s3(bucket) if scheme.startswith("s3") else fs.GcsFileSystem()
    except (OSError, ValueError) as error:
        raise unreadable(address, error) from error


def listing(address: str) -> list[tuple[str, int]]:
    """Return the files that an address, a folder or a pattern names, each with its size."""
    scheme, bucket, key = _parts(address)
    store = client(address)
    fixed = _MAGIC.split(key, maxsplit=1)[0]
    try:
        if _MAGIC.search(key):
            folder = f"{bucket}/{fixed.rpartition('/')[0]}".rstrip("/")
            found = [each for each in _below(store, folder) if _matches(each.path, bucket, key)]
        else:
            whole = f"{bucket}/{key}".rstrip("/")
            one = store.get_file_info(whole)
            is_file = one.type == fs.FileType.File and not key.endswith("/")
            found = [one] if is_file else list(_below(store, whole))
    except OSError as error:
        raise unreadable(address, error) from error
    return sorted((f"{scheme}://{each.path}", int(each.size or 0)) for each in found)


def opened(address: str) -> Any:
    """Open a file of a store for reading; a binary file object."""
    _, bucket, key = _parts(address)
    try:
        return client(address).open_input_stream(f"{bucket}/{key}", compression=None)
    except OSError as error:
        raise unreadable(address, error) from error


def seekable(address: str) -> Any:
    """Open a file of a store to read parts of it."""
    _, bucket, key = _parts(address)
    try:
        return client(address).open_input_file(f"{bucket}/{key}")
    except OSError as error:
        raise unreadable(address, error) from error


def unreadable(address: str, error: Exception) -> InputError:
    """Turn a client's error into ours."""
    said = " ".join(str(error).split())[:300]
    return InputError(
        f"cannot read {address}: {said}",
        hint="check the address, the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role; Google's "
        "application default credentials) and, for a store of your own, AWS_ENDPOINT_URL",
    )


def _parts(address: str) -> tuple[str, str, str]:
    match = _ADDRESS.match(address)
    if match is None:
        raise InputError(f"{address} is no address of a store", hint="write s3://BUCKET/KEY")
    return match[1].lower(), match[2], match[3]


def _s3(bucket: str) -> fs.S3FileSystem:
    told = os.environ
    endpoint = told.get("AWS_ENDPOINT_URL_S3") or told.get("AWS_ENDPOINT_URL")
    region = told.get("AWS_REGION") or told.get("AWS_DEFAULT_REGION")
    if not region and not endpoint:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or "us-east-1",
        connect_timeout=_CONNECT_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


def _below(store: fs.FileSystem, folder: str) -> list[fs.FileInfo]:
    listed = store.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    return [each for each in listed if each.type == fs.FileType.File]


def _matches(path: str, bucket: str, pattern: str) -> bool:
    """Match step by step as a shell does; ``**`` stands for any number of steps."""
    return _steps(path.removeprefix(bucket).lstrip("/").split("/"), pattern.split("/"))


def _steps(steps: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not steps
    if patterns[0] == "**":
        return any(_steps(steps[taken:], patterns[1:]) for taken in range(len(steps) + 1))
    if not steps or re.match(translate(patterns[0]), steps[0]) is None:
        return False
    return _steps(steps[1:], patterns[1:])
