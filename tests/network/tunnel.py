"""A link between two hosts that can be slow, lossy or cut: IP packets, carried between two tun devices.

    python tunnel.py NAMESPACE DEVICE NAMESPACE DEVICE

A line of JSON on standard input sets ``delay`` (seconds, each way), ``loss`` (a share of the packets, each way) and
``cut`` (every packet is dropped, and nobody is told). It is what ``tc netem`` does, for kernels that have none. It ends
with its standard input, and the devices with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from pathlib import Path

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NAMESPACES = Path("/run/netns")
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace: Path) -> None:
    """Move this thread, and what it starts from now on, into the network namespace of that file."""
    with namespace.open("rb") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET):  # os.setns comes with Python 3.12
            raise OSError(ctypes.get_errno(), f"{namespace} cannot be entered: {os.strerror(ctypes.get_errno())}")


def open_device(namespace: str, name: str) -> int:
    """A tun device in ``namespace``, which lives as long as the descriptor."""
    enter(NAMESPACES / namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def carry(one: int, other: int) -> None:
    """Carry packets both ways until standard input ends."""
    to = {one: other, other: one}
    delay, loss, cut = 0.0, 0.0, False
    drawn = random.Random(1)
    under_way: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([sys.stdin, one, other], [], [], wait)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            said = json.loads(line)
            delay, loss, cut = said["delay"], said["loss"], said["cut"]
        for device in (one, other):
            if device in ready:
                packet = os.read(device, 65536)
                if not cut and drawn.random() >= loss:
                    count += 1
                    heapq.heappush(under_way, (time.monotonic() + delay, count, to[device], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(under_way)
            if not cut:
                with contextlib.suppress(OSError):  # a device that is down, or full, loses it
                    os.write(device, packet)


if __name__ == "__main__":
    ends = [open_device(*sys.argv[place : place + 2]) for place in (1, 3)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(*ends)
