"""The entry point: what ends a program, and with which code and words."""

import os
import signal

import pytest

from stillwatch.__main__ import guarded
from stillwatch.errors import InputError


@pytest.mark.parametrize("error", [None, RuntimeError("no compiled object"), InputError("cut")])
def test_what_follows_an_interrupt_is_no_fault(
    error: Exception | None, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            if error is not None:
                raise error

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as stopped:
            guarded(command)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "stillwatch: interrupted; nothing half-written was kept\n"


def test_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    guarded(lambda: None)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_a_message_quotes_cannot_drive_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        raise InputError("no column \x1b[2J\r")

    with pytest.raises(SystemExit):
        guarded(command)
    assert capsys.readouterr().err == "stillwatch: no column \\x1b[2J\\r\n"
