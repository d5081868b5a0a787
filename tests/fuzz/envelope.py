"""What is signed or sealed: by a gateway that lies, by a participant who writes a client, by a runner gone bad.

The first byte says what the others are: ``J`` an envelope in JSON, ``P`` its payload, signed here, ``S`` a notebook
with its header, sealed here; else an age file.
"""

import json

from securesystemslib.dsse import Envelope
from securesystemslib.signer._crypto_signer import CryptoSigner

from participant_kit.protocol.errors import ProtocolError
from participant_kit.protocol.keys import Role, SecretKeys
from participant_kit.protocol.receipts import PAYLOAD_TYPE, verify_receipt
from participant_kit.protocol.sealing import encrypt, unseal_notebook

KEYS = SecretKeys.generate(Role.BLIND)
TRUSTED = [KEYS.public.signing]


def run(data: bytes) -> None:
    """Read or refused; and what was read can be sent on as JSON."""
    kind, content = data[:1], data[1:]
    try:
        if kind == b"J":
            verify_receipt(_json(content), TRUSTED)
        elif kind == b"P":
            envelope = Envelope(content, PAYLOAD_TYPE, {})
            envelope.sign(CryptoSigner(KEYS.signer))
            json.dumps(verify_receipt(envelope.to_dict(), TRUSTED).model_dump(mode="json"), allow_nan=False)
        elif kind == b"S":
            unseal_notebook(encrypt(content, [KEYS.public.sealing]), KEYS.sealing)
        else:
            unseal_notebook(content, KEYS.sealing)
    except ProtocolError:
        return


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
