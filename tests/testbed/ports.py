"""Free ports of 127.0.0.1 that stay ours from the moment they are chosen."""

from __future__ import annotations

import socket
import sys


class ReservedPorts:
    """Ports that nobody else is given before their servers listen, nor while these are restarted.

    On Linux a socket that is bound but does not listen keeps all others off the port, also as the local
    port of outgoing connections, yet lets a server in that sets SO_REUSEADDR, as those written in Go do.
    To a client the port is closed meanwhile. Elsewhere the port is only picked, and could be lost.
    """

    def __init__(self, count: int) -> None:
        self._sockets = [socket.socket() for _ in range(count)]
        for holder in self._sockets:
            holder.bind(("127.0.0.1", 0))
            # Only now: with it, bind could choose a port that another testbed holds.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.numbers: tuple[int, ...] = tuple(holder.getsockname()[1] for holder in self._sockets)
        if sys.platform != "linux":
            self.release()

    def release(self) -> None:
        for holder in self._sockets:
            holder.close()
