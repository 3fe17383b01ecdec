"""`starling serve`: load the models, listen, say where."""

import json
import os
import socket
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer
import uvicorn

from server.app import build_app, build_factory, drain
from server.loading import load_models
from server.logs import configure_logs
from server.models.errors import ModelError
from server.session_opening import SessionFactory
from server.settings import Settings, SettingsError, load_settings

log = structlog.get_logger()

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WEBSOCKET_PING_S = 20.0
WEBSOCKET_PONG_S = 600.0
"""A pong waits behind megabytes of audio while a busy server does not read; the idle limit finds
dead peers sooner."""
GRACE_S = 5


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of page, API, sockets; 0: any.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of gRPC (not served yet).")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model name, Hugging Face id or folder.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis (not used yet).")] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="STARLING_CONFIG", help="TOML file with settings.")
    ] = None,
    announce: Annotated[
        Literal["text", "json"], typer.Option(help="How to print the address.")
    ] = "text",
) -> None:
    """Run the server. Every setting also works as STARLING_… variable and in the TOML file."""
    given = {
        "host": host,
        "port": port,
        "grpc_port": grpc_port,
        "model": model,
        "device": device,
        "redis_url": redis_url,
    }
    try:
        settings = load_settings(given, config, os.environ)
        configure_logs(settings.log_level, settings.log_format)
        _warn(settings)
        bound = _bind(settings)
        factory = build_factory(settings, load_models(settings))
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(f"starling: {problem}", err=True)
        raise typer.Exit(2) from None
    except ModelError as error:
        typer.echo(f"starling: {error.message} {error.hint}", err=True)
        raise typer.Exit(1) from None
    _listen(settings, bound, factory, announce)


def _warn(settings: Settings) -> None:
    if settings.host not in LOOPBACK and not settings.read_api_keys():
        log.warning(
            "ANYBODY WHO REACHES THIS ADDRESS CAN USE THE SERVER",
            host=settings.host,
            hint="set STARLING_API_KEYS or STARLING_API_KEYS_FILE",
        )
    for name in ("grpc_port", "redis_url"):
        if getattr(settings, name) is not None:
            log.warning("setting has no effect yet", setting=name)


def _bind(settings: Settings) -> socket.socket:
    """Return the listening socket, or say why there is none."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
    except OSError as error:
        typer.echo(
            f"starling: Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another address with --host and --port; --port 0 takes a free one.",
            err=True,
        )
        raise typer.Exit(1) from None
    bound.set_inheritable(True)
    return bound


def _listen(
    settings: Settings, bound: socket.socket, factory: SessionFactory, announce: str
) -> None:
    config = uvicorn.Config(
        build_app(factory),
        host=settings.host,
        port=settings.port,
        ws="websockets-sansio",
        # Larger messages than ours are cut off by the socket; ours get an error with a hint.
        ws_max_size=8 * max(settings.max_message_bytes, settings.max_text_bytes),
        ws_ping_interval=WEBSOCKET_PING_S,
        ws_ping_timeout=WEBSOCKET_PONG_S,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = AnnouncingServer(config, factory, announce)
    server.run(sockets=[bound])
    if not server.started:
        raise typer.Exit(1)


class AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does, and lets sessions finish before it stops."""

    def __init__(self, config: uvicorn.Config, factory: SessionFactory, announce: str) -> None:
        super().__init__(config)
        self._factory = factory
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the address on standard output."""
        await super().startup(sockets)
        if not self.started:
            return
        url = self._url()
        models = ", ".join(offer.name for offer in self._factory.offers)
        if self._announce == "json":
            line = {"event": "listening", "url": url, "model": models, "pid": os.getpid()}
            typer.echo(json.dumps(line))
        else:
            typer.echo(f"\n  Starling is listening ({models}).\n  Open {url} and speak.\n")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let sessions publish what they heard, then close."""
        await drain(self._factory)
        await super().shutdown(sockets)

    def _url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        host = self.config.host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 # not bound here
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
