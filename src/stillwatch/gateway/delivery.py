"""Whether an answer reached who asked: a place that was given to nobody is given back at once.

What is not read again, or was cut off, is told by TCP: who hangs up before the answer comes answers it
with a reset (RFC 9293, 3.5.2 and 3.6.1), and who has read it does not. What an application did
with an answer that reached its machine is not known here: such a place ends by itself.
"""

import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

FRESH_S: Final = 5.0
"""An answer that is older has been read: a connection that breaks later takes nothing back."""
_CLOSED: Final = 7
"""TCP_CLOSE: by a reset, where we have not ended our side."""
_INFO: Final = struct.Struct("=8B5I")
"""struct tcp_info of Linux, as far as tcpi_unacked."""


class Deliveries:
    """Leases of one connection in answers that may not have arrived."""

    def __init__(self, give_back: Callable[[str], None]) -> None:
        self._give_back = give_back
        self._leases: list[tuple[str, float]] = []

    def __bool__(self) -> bool:
        return bool(self._leases)

    def sent(self, lease: str, now: float) -> None:
        """An answer with a lease was written."""
        self._leases.append((lease, now))

    def arrived(self) -> None:
        """Who asked has gone on."""
        self._leases.clear()

    def fresh(self, now: float) -> bool:
        """Whether one of them may still be on its way."""
        return any(now - at <= FRESH_S for _, at in self._leases)

    def failed(self, now: float, *, unsent: bool = False) -> None:
        """The connection broke, with answers unsent or perhaps on their way."""
        for lease, at in self._leases:
            if unsent or now - at <= FRESH_S:
                self._give_back(lease)
        self._leases.clear()


def arrival(opened: Any, *, ended: bool) -> bool | None:
    """Whether all that was written to a socket arrived; None: not yet, False: it was reset.

    ``ended``: we have said that no more comes.
    """
    if not sys.platform.startswith("linux"):
        return True  # nobody says
    try:
        info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        said = _INFO.unpack(info)
        error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except (OSError, struct.error):
        return True
    if error or (said[0] == _CLOSED and not ended):
        return False
    return said[-1] == 0 or None
