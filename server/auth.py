"""Who may connect: API keys in a header or as a WebSocket subprotocol."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from itertools import pairwise

from streaming.errors import ErrorCode, StarlingError

SCHEMES = ("bearer", "token")
"""`Authorization` schemes and subprotocol markers; browsers can only set the latter."""


KEY_PREFIXES = ("openai-insecure-api-key.",)
"""Subprotocols that hold the key behind a prefix, as OpenAI's SDK sends them from browsers."""

EVERYBODY = "everybody"
"""The one tenant of a server without keys."""


class Authenticator:
    """Checks keys in constant time; without configured keys everybody may connect."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    @property
    def is_required(self) -> bool:
        """Whether a key is needed."""
        return bool(self._digests)

    def check(self, headers: Mapping[str, str], subprotocols: Sequence[str]) -> str:
        """Let the request pass; return its tenant, a name for the key that is not the key.

        Raises:
            StarlingError: UNAUTHENTICATED.
        """
        if not self.is_required:
            return EVERYBODY
        key = credential_of(headers, subprotocols)
        if key is None:
            raise _refusal("no API key was sent")
        tenant = self.tenant_of(key)
        if tenant is None:
            raise _refusal("the API key is not known")
        return tenant

    def tenant_of(self, key: str) -> str | None:
        """Return the tenant whose key this is, None for no known key."""
        digest = hashlib.sha256(key.encode()).digest()
        # Every key is compared, so that time does not tell which one came close.
        num_matches = sum([hmac.compare_digest(digest, known) for known in self._digests])
        return digest.hex()[:16] if num_matches else None


def accepted_subprotocol(offered: Sequence[str]) -> str | None:
    """Return which subprotocol to echo: the first that is no key, or browsers drop the socket."""
    return next((name for name in offered if not name.startswith(KEY_PREFIXES)), None)


def credential_of(headers: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
    """Return the key, secret or token that a request shows, if it shows one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() in SCHEMES and key.strip():
        return key.strip()
    for marker, following in pairwise(subprotocols):
        if marker.lower() in SCHEMES:
            return following
    prefixes = [(p, name) for name in subprotocols for p in KEY_PREFIXES if name.startswith(p)]
    return next((name.removeprefix(p) for p, name in prefixes), None)


def _refusal(message: str) -> StarlingError:
    return StarlingError(
        ErrorCode.UNAUTHENTICATED,
        message,
        "send `Authorization: Bearer KEY`, or the WebSocket subprotocols bearer, KEY",
    )
