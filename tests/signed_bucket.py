"""The S3 server of the tests, which takes only requests that are signed (AWS Signature Version 4) with the right key.

Run: python signed_bucket.py FOLDER PORT KEY, where the file KEY holds the secret key; what it holds may change.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sys
from functools import reduce
from http.server import ThreadingHTTPServer
from pathlib import Path

from localbucket import S3Handler  # type: ignore[import-untyped]

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/(?P<scope>[^,]+), SignedHeaders=(?P<names>[^,]+), Signature=(?P<signature>\w+)"
)
_REFUSAL = b"<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.</Message></Error>"


class SignedHandler(S3Handler):  # type: ignore[misc]
    """Answers 403 to whoever has another key."""

    key: Path

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self._is_signed():
            return True
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(_REFUSAL)))
        self.end_headers()
        self.wfile.write(_REFUSAL)
        return False

    def _is_signed(self) -> bool:
        found = _SIGNED.fullmatch(self.headers.get("Authorization", ""))
        if found is None:
            return False
        path, _, query = self.path.partition("?")
        names = found["names"].split(";")
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        body = self.headers["x-amz-content-sha256"]
        asked = [self.command, path, "&".join(sorted(query.split("&"))), headers, found["names"], body]
        digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], found["scope"], digest])
        words = [*found["scope"].split("/"), text]
        key = f"AWS4{self.key.read_text()}".encode()
        made = reduce(lambda key, word: hmac.digest(key, word.encode(), "sha256"), words, key)
        return hmac.compare_digest(made.hex(), found["signature"])


if __name__ == "__main__":
    S3Handler.data_root, SignedHandler.key = Path(sys.argv[1]), Path(sys.argv[3])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), SignedHandler).serve_forever()
