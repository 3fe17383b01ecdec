"""Opening the WebSocket, and every way that fails in words a person can act on."""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from starling_client.errors import StarlingError

CLOSE_TIMEOUT_S = 1.0
"""A peer that leaves a keep-alive unanswered will not answer a goodbye either."""

_STREAM_PATH = "/v1/stream"
_WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address, the key for it and how patient to be, in seconds."""

    url: str
    api_key: str | None
    open_timeout_s: float
    ping_interval_s: float | None
    ping_timeout_s: float | None

    def stream_url(self) -> str:
        """Build the WebSocket address of `/v1/stream`.

        Raises `StarlingError` with code `bad_address` for anything but a web address.
        """
        parts = urlsplit(self.url)
        scheme = _WEBSOCKET_SCHEMES.get(parts.scheme)
        if scheme is None or not parts.hostname:
            raise StarlingError(
                "bad_address",
                f"{self.url!r} is no server address.",
                "Write it like ws://127.0.0.1:8080.",
            )
        path = _STREAM_PATH if parts.path in ("", "/") else parts.path
        return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


async def open_connection(endpoint: Endpoint) -> ClientConnection:
    """Open a connection.

    Raises `StarlingError`: `unreachable`, `bad_address`, or what the server answered.
    """
    url = endpoint.stream_url()
    key = endpoint.api_key
    try:
        return await connect(
            url,
            additional_headers={"Authorization": f"Bearer {key}"} if key else None,
            compression=None,  # Audio does not shrink, and deflating captions delays them.
            open_timeout=endpoint.open_timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=endpoint.ping_interval_s,
            ping_timeout=endpoint.ping_timeout_s,
            max_size=None,
        )
    except InvalidStatus as error:
        raise _refusal(error) from error
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise StarlingError(
            "unreachable",
            f"No Starling server answers at {url}: {_cause(error)}.",
            "Start one with `starling serve`, or check the address and port.",
            retryable=True,
        ) from error


def _refusal(error: InvalidStatus) -> StarlingError:
    """Turn the HTTP answer to the handshake into the error it describes."""
    status, body = error.response.status_code, error.response.body or b""
    try:
        told = json.loads(body)["error"]
        return StarlingError(
            str(told["code"]),
            str(told["message"]),
            str(told.get("hint", "")),
            retryable=bool(told.get("retryable", False)),
            retry_after_s=told.get("retry_after_s"),
        )
    except (ValueError, KeyError, TypeError):
        return StarlingError(
            "refused",
            f"The server answered HTTP {status} instead of opening a session.",
            "Check that the address is a Starling server.",
            retryable=status >= 500,
        )


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return str(error).rstrip(".").replace("\n", " ") or type(error).__name__
