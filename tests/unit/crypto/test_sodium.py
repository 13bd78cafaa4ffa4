"""libsodium is found on machines with and without one of the system's."""

import subprocess
import sys

import pytest

from stillwatch.crypto.sodium import secret_buffer, sodium, wipe

USE = """
from stillwatch.crypto.oprf import blind, evaluate, evaluate_input, finalize, generate_key_pair
keys = generate_key_pair()
blinds, blinded = blind([b"alpha"])
assert finalize([b"alpha"], blinds, evaluate(keys.secret, blinded)) == [
    evaluate_input(keys.secret, b"alpha")
]
from stillwatch.crypto.sodium import sodium
print(sodium._name)
"""
NONE_OF_THE_SYSTEM = """
import ctypes.util
before = ctypes.util.find_library = lambda name: None
"""
NO_WHEEL = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "zmq" else find(name, *more)
"""


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_library_of_the_wheel_serves_where_the_system_has_none():
    done = run(NONE_OF_THE_SYSTEM + USE + "\nassert ctypes.util.find_library is before")
    assert done.returncode == 0, done.stderr
    assert "pyzmq.libs" in done.stdout or ".dylibs" in done.stdout


def test_a_library_of_the_system_that_cannot_be_used_is_passed_over():
    other = "import ctypes.util\nctypes.util.find_library = lambda name: 'libc.so.6'\n"
    done = run(other + USE)
    assert done.returncode == 0, done.stderr
    assert "pyzmq.libs" in done.stdout or ".dylibs" in done.stdout


def test_without_any_the_error_says_what_to_install():
    done = run(NONE_OF_THE_SYSTEM + NO_WHEEL + "import stillwatch.crypto.sodium")
    assert done.returncode != 0
    assert "ConfigError: no libsodium of version 1.0.18 or later" in done.stderr
    assert "apt install libsodium23" in done.stderr


def test_a_secret_buffer_is_zero_after_its_block_even_if_that_fails():
    lent = []

    def fails():
        with secret_buffer(48) as buffer:
            lent.append(buffer)
            buffer.raw = b"k" * 48
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert lent[0].raw == bytes(48)


def test_wipe_overwrites_all_of_a_buffer():
    with secret_buffer() as buffer:
        sodium.crypto_core_ristretto255_scalar_random(buffer)
        assert any(buffer.raw)
        wipe(buffer)
        assert not any(buffer.raw)
