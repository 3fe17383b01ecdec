"""Options that several commands share, so that they read the same everywhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="STARLING_URL",
        metavar="ws://HOST:PORT",
        help="A running server; without it one is started here for the time of the command.",
        show_default=False,
    ),
]
GrpcOption = Annotated[
    str | None,
    typer.Option(
        "--grpc",
        metavar="HOST:PORT",
        help="A running server, over gRPC instead of a WebSocket.",
        show_default=False,
    ),
]
GrpcAuthorityOption = Annotated[
    Path | None,
    typer.Option(
        "--grpc-ca",
        metavar="FILE",
        help="PEM file of the authority to trust; --grpc then speaks TLS.",
        show_default=False,
    ),
]
ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="STARLING_API_KEY",
        help="Key for a server that asks for one.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Whisper model, such as tiny.en or small.", show_default=False),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", help="cpu, cuda or auto, for a server started here.", show_default=False
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="CODE",
        help="Language spoken, such as en or de; auto detects it.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class ServerChoice:
    """Which server a command talks to: the one at `url`, or its own with this model and device."""

    url: str | None = None
    api_key: str | None = None
    model: str | None = None
    device: str | None = None
