"""The whole house with its parts far from each other: the gateway behind nginx with TLS, the runners inside."""

from __future__ import annotations

import datetime
import ipaddress
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from house import House, wait_until
from network import GATEWAY, INSIDE, SPARE, Network, address, on

from participant_kit.gateway.settings import Settings
from participant_kit.protocol.keys import Role

NGINX = """
daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
    log_format pieces escape=json '{{"connection": $connection, "host": "$remote_addr", "method": "$request_method", '
        '"path": "$uri", "status": $status, "received": $request_length, "sent": $bytes_sent, "took": $request_time}}';
    access_log {root}/requests.jsonl pieces;
    client_body_temp_path {root}/nginx-body; proxy_temp_path {root}/nginx-proxy; fastcgi_temp_path {root}/nginx-other;
    uwsgi_temp_path {root}/nginx-other; scgi_temp_path {root}/nginx-other;
    client_max_body_size 64m;
    server {{
        listen {four}:443 ssl;
        listen [{six}]:443 ssl;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {certificate};
        location / {{ proxy_pass http://127.0.0.1:{port}; proxy_read_timeout 90s; proxy_request_buffering off; }}
    }}
}}
"""


@dataclass(frozen=True)
class Seen:
    """A request as nginx saw it; ``connection`` numbers the TLS connections."""

    connection: int
    host: str
    method: str
    path: str
    status: int
    received: int
    sent: int
    took: float


class FarHouse(House):
    """A house whose parts are on the hosts of ``network``; this process has to stand on the participant's."""

    hosts = {"gateway": GATEWAY, "nginx": GATEWAY, "blind": INSIDE, "spare": SPARE}  # noqa: RUF012
    lease = Settings(Path()).lease
    version = 4

    def __init__(self, root: Path, network: Network, **options: Any) -> None:
        self.network = network
        super().__init__(root, (Role.BLIND,), **options)
        self.make_spare()

    @property
    def address(self) -> str:
        host = address(GATEWAY, self.version)
        return f"https://{host}" if self.version == 4 else f"https://[{host}]"

    def start(self, name: str, *words: str, inside: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        return super().start(name, *words, inside=(*on(self.hosts[name]), *inside))

    def start_gateway(self, **options: Any) -> None:
        super().start_gateway(**options)
        if "nginx" not in self.parts:
            four, six = address(GATEWAY), address(GATEWAY, 6)
            file = self.root / "nginx.conf"
            text = NGINX.format(root=self.root, four=four, six=six, port=self.port, certificate=self.root / "tls.pem")
            file.write_text(text)
            log = (self.root / "nginx.log").open("ab")
            command = [*on(GATEWAY), "nginx", "-e", f"{self.root}/nginx-error.log", "-c", str(file)]
            self.parts["nginx"] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            wait_until((self.root / "nginx.pid").exists, what="nginx starts")

    def pkit(self, *words: str) -> Any:
        """What a command of the participant answers."""
        command = [sys.executable, "-m", "participant_kit.cli.main", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.kit.root)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def seen(self, since: int = 0) -> list[Seen]:
        """Every request that nginx has answered, but for the first ``since``."""
        lines = (self.root / "requests.jsonl").read_text().splitlines()
        return [Seen(**json.loads(line)) for line in lines[since:]]


def make_certificate(path: Path) -> None:
    """A certificate for the gateway's addresses, with its key, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, GATEWAY)])
    places = [x509.IPAddress(ipaddress.ip_address(address(GATEWAY, version))) for version in (4, 6)]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
