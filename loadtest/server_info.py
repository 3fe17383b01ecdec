"""What a server tells over plain HTTP: its models and its metrics."""

import http.client
import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HTTP_SCHEMES = {"ws": "http", "wss": "https"}
_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{[^}]*\})? (?P<value>\S+)")
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


def metric_totals(url: str, api_key: str | None) -> dict[str, float]:
    """Read `/metrics`, each name's samples summed over their labels.

    Histogram buckets are left out: their sum means nothing.
    """
    totals: dict[str, float] = {}
    for line in _get(url, "/metrics", api_key).splitlines():
        found = _SAMPLE.match(line)
        if found and not found["name"].endswith("_bucket"):
            totals[found["name"]] = totals.get(found["name"], 0.0) + float(found["value"])
    return totals


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
