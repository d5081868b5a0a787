"""Hosts with a network of their own: namespaces, a router with a packet filter, and links that can be made bad.

    gateway ──┐
    participant ─ router ─ inside      and nobody can dial inside: the router lets it dial the gateway, and no more
                     └──── spare

Every name and address is made here and lives here; no packet leaves the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tunnel import NAMESPACES, enter

PREFIX = "pkit-"
"""Of every namespace: whatever has it was left by a run that was killed, and is swept."""
ROUTER, HOSTS = "router", ("gateway", "participant", "inside", "spare")
GATEWAY, PARTICIPANT, INSIDE, SPARE = HOSTS
FILTER = """
flush ruleset
table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
        iifname { "participant", "inside", "spare" } oifname "gateway" tcp dport 443 ct state new accept
    }
}
"""


def run(*words: str, text: str | None = None) -> str:
    """What a command says; an error with what it said when it fails."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def address(host: str, version: int = 4, *, of_router: bool = False) -> str:
    """The address of ``host``, or of the router's end of its link."""
    net, last = HOSTS.index(host) + 1, 1 if of_router else 2
    return f"10.77.{net}.{last}" if version == 4 else f"fd77:{net}::{last}"


class Link:
    """From ``host`` to the router."""

    def __init__(self, host: str) -> None:
        ends = (PREFIX + host, "router", PREFIX + ROUTER, host)
        program = [sys.executable, str(Path(__file__).with_name("tunnel.py")), *ends]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin and self._process.stdout
        self._to, said = self._process.stdin, self._process.stdout.readline()
        if said != "ready\n":
            raise RuntimeError(f"The link of {host} does not start: /dev/net/tun and root are needed.")
        for namespace, device, of_router in ((PREFIX + host, "router", False), (PREFIX + ROUTER, host, True)):
            ip = ("ip", "-n", namespace)
            run(*ip, "address", "add", f"{address(host, 4, of_router=of_router)}/24", "dev", device)
            run(*ip, "address", "add", f"{address(host, 6, of_router=of_router)}/64", "dev", device, "nodad")
            run(*ip, "link", "set", device, "up")
        for version in (4, 6):
            via = address(host, version, of_router=True)
            run("ip", "-n", PREFIX + host, f"-{version}", "route", "add", "default", "via", via)

    def be(self, *, delay: float = 0.0, loss: float = 0.0, cut: bool = False) -> None:
        """Delay (seconds each way), lose (a share each way) or drop all packets from now on; without words, be good."""
        self._to.write(json.dumps({"delay": delay, "loss": loss, "cut": cut}) + "\n")
        self._to.flush()

    @contextlib.contextmanager
    def bad(self, *, delay: float = 0.0, loss: float = 0.0, cut: bool = False) -> Iterator[None]:
        """Be so for a while."""
        self.be(delay=delay, loss=loss, cut=cut)
        try:
            yield
        finally:
            self.be()

    def close(self) -> None:
        """Take it down, and its devices."""
        self._to.close()
        self._process.wait(10)


class Network:
    """All hosts, their links and the router's filter."""

    def __init__(self) -> None:
        check()
        sweep()
        for host in (ROUTER, *HOSTS):
            run("ip", "netns", "add", PREFIX + host)
            run("ip", "-n", PREFIX + host, "link", "set", "lo", "up")
        self.links = {host: Link(host) for host in HOSTS}
        for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            run(*on(ROUTER), "sh", "-c", f"echo 1 >/proc/sys/net/{switch}")
        self.filter(FILTER)

    def filter(self, rules: str) -> None:
        """Let the router have these rules as well; those of ``FILTER`` replace all."""
        run(*on(ROUTER), "nft", "-f", "-", text=rules)

    def forget_connections(self, host: str) -> None:
        """Drop, in silence, all that belongs to connections that ``host`` has now; new ones are let through."""
        lines = run(*on(host), "ss", "-Htn", "state", "established").splitlines()
        ports = ", ".join(line.split()[2].rpartition(":")[2] for line in lines)
        assert ports, f"{host} has no connection"
        dead = f"iifname {host} tcp sport {{ {ports} }} drop; oifname {host} tcp dport {{ {ports} }} drop"
        self.filter(f"table inet forgotten {{ chain c {{ type filter hook forward priority -1; {dead}; }}; }}")

    def close(self) -> None:
        """Take everything away."""
        for link in self.links.values():
            link.close()
        sweep()


def on(host: str) -> tuple[str, ...]:
    """The words before a command that let it run on ``host``."""
    return ("nsenter", f"--net={NAMESPACES / (PREFIX + host)}")


@contextlib.contextmanager
def standing_on(host: str) -> Iterator[None]:
    """This thread, and what it starts, is on ``host``."""
    with Path("/proc/thread-self/ns/net").open() as home:
        enter(NAMESPACES / (PREFIX + host))
        try:
            yield
        finally:
            enter(Path(f"/proc/self/fd/{home.fileno()}"))


def check() -> None:
    """Raise ``RuntimeError`` that says what is missing on this machine: nothing is skipped."""
    missing = [program for program in ("ip", "nft", "nsenter", "nginx", "ss") if not shutil.which(program)]
    if missing:
        raise RuntimeError(f"Programs are missing: {', '.join(missing)}. Run: make test-network")
    if os.geteuid() != 0:
        raise RuntimeError("Network namespaces are made here, which takes root. Run: sudo make test-network")
    if not Path("/dev/net/tun").exists():
        raise RuntimeError("There is no /dev/net/tun. Run: modprobe tun")


def sweep() -> None:
    """Remove what a killed run has left: its processes and its namespaces."""
    for name in run("ip", "netns", "list").split():
        if name.startswith(PREFIX):
            for pid in run("ip", "netns", "pids", name).split():
                if int(pid) != os.getpid():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "delete", name)
