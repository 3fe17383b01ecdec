"""What a server tells over plain HTTP: its models and its metrics."""

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadtest.metric_readings import Reading, read_metrics

_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ServedModel:
    """A loaded model and the language codes it takes."""

    name: str
    languages: frozenset[str]


def served_models(url: str, api_key: str | None) -> list[ServedModel]:
    """Ask `/v1/info` which models are loaded, the default one first.

    Raises `OSError` when the server can't be reached or refuses.
    """
    info = json.loads(_get(url, "/v1/info", api_key))
    return [ServedModel(model["name"], frozenset(model["languages"])) for model in info["models"]]


def metrics_now(url: str, api_key: str | None) -> Reading:
    """Read `/metrics`.

    Raises `OSError` when the server can't be reached or refuses.
    """
    at = time.monotonic()
    return read_metrics(_get(url, "/metrics", api_key), at, keep=("starling_", "process_"))


def _get(url: str, path: str, api_key: str | None) -> str:
    parts = urlsplit(url)
    scheme = _HTTP_SCHEMES.get(parts.scheme, parts.scheme)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    connect = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise OSError(f"HTTP {response.status} for {path}")
        return response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer for {path}: {error!r}") from error
    finally:
        connection.close()
