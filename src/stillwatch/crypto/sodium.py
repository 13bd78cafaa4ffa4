"""The one place that loads libsodium, through ``pysodium``.

``pysodium`` carries no library: it asks ``ctypes.util.find_library`` at import and fails where
the system has none. The wheels of ``pyzmq``, a dependency of ours, carry a complete libsodium.

Rules: the system's library first, then the carried one; a library without ristretto255 (before
1.0.18, or a minimal build) counts as none. ``sodium`` is the loaded library, for direct calls
where pysodium's wrappers cost too much; whoever calls it checks lengths first. Python's ``bytes``
cannot be wiped, so what is derived from a secret is kept in a ``secret_buffer`` and wiped.
"""

import ctypes
import ctypes.util
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from stillwatch.errors import ConfigError

_NEEDED: Final = (
    "crypto_scalarmult_ristretto255",
    "crypto_core_ristretto255_scalar_mul",
    "crypto_pwhash",
    "crypto_box_seal",
    "crypto_aead_xchacha20poly1305_ietf_encrypt",
)
_NAMES: Final = ("sodium", "libsodium")
"""The names that pysodium asks for."""


def _system() -> list[str]:
    """Names of the system's library, if it has one."""
    found = (ctypes.util.find_library(name) for name in _NAMES)
    return [name for name in found if name]


def _carried() -> list[str]:
    """Paths of the libraries that the wheel of pyzmq brought (Linux and Windows, then macOS)."""
    spec = importlib.util.find_spec("zmq")
    folders = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    places = [(at.parent / "pyzmq.libs", at / ".dylibs") for at in folders]
    return [str(path) for pair in places for at in pair for path in sorted(at.glob("libsodium*"))]


def _usable(path: str) -> bool:
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return False
    return all(hasattr(library, name) for name in _NEEDED)


def _load() -> ModuleType:
    """Import pysodium over the first library that can be used.

    Raises ``ConfigError`` if there is none.
    """
    if "pysodium" in sys.modules:
        return sys.modules["pysodium"]
    path = next((path for path in _system() + _carried() if _usable(path)), None)
    if path is None:
        raise ConfigError(
            "no libsodium of version 1.0.18 or later can be loaded",
            hint="install it (apt install libsodium23, dnf install libsodium, brew install "
            "libsodium), or reinstall pyzmq from its wheel, which carries one",
        )
    with _answering(path):
        return importlib.import_module("pysodium")


@contextmanager
def _answering(path: str) -> Iterator[None]:
    """Let ``find_library`` answer with this path for sodium, and as ever for the rest.

    pysodium takes the library from there and from nowhere else; the import is over in a moment,
    and others who ask meanwhile get their usual answer.
    """
    usual = ctypes.util.find_library
    ctypes.util.find_library = lambda name: path if name in _NAMES else usual(name)
    try:
        yield
    finally:
        ctypes.util.find_library = usual


pysodium: Final = _load()
"""The wrappers: for what is called rarely."""
sodium: Final[Any] = pysodium.sodium
"""The library itself: arguments are ``bytes`` or buffers of the right length."""
if sodium.sodium_init() < 0:
    raise ConfigError("libsodium cannot be initialised", hint="is /dev/urandom readable?")

Buffer32: Final = ctypes.c_char * 32
Buffer64: Final = ctypes.c_char * 64


def wipe(buffer: Any) -> None:
    """Overwrite a ctypes buffer with zeros, in a way that no optimiser leaves out."""
    sodium.sodium_memzero(buffer, ctypes.c_size_t(ctypes.sizeof(buffer)))


@contextmanager
def secret_buffer(size: int = 32) -> Iterator[Any]:
    """Lend a buffer of this many bytes; it is wiped when the block ends."""
    buffer = (ctypes.c_char * size)()
    try:
        yield buffer
    finally:
        wipe(buffer)
