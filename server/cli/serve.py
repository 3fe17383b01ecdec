"""`starling serve`: load the models, listen, say where."""

import gc
import json
import os
import socket
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer
import uvicorn

from server.app import build_app, build_factory, drain
from server.grpc_server import GrpcServer, tls_credentials
from server.loading import load_models
from server.logs import configure_logs
from server.models.errors import ModelError
from server.session_opening import SessionFactory
from server.settings import Settings, SettingsError, load_settings
from server.transports.direct_socket import DirectSocketProtocol

log = structlog.get_logger()

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WEBSOCKET_PING_S = 20.0
WEBSOCKET_PONG_S = 600.0
"""A pong waits behind megabytes of audio while a busy server does not read; the idle limit finds
dead peers sooner."""
GRACE_S = 5

GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""New objects before the youngest generation is looked through, and so on (`gc.set_threshold`)."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of page, API, sockets; 0: any.")] = None,
    grpc: Annotated[bool | None, typer.Option(help="Serve gRPC too.", show_default="on")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of gRPC; 0: any.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model name, Hugging Face id or folder.")
    ] = None,
    interim_model: Annotated[
        str | None, typer.Option(help="Smaller model for interims alone.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis that replicas share.")] = None,
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
        "grpc": grpc,
        "grpc_port": grpc_port,
        "model": model,
        "interim_model": interim_model,
        "device": device,
        "redis_url": redis_url,
    }
    try:
        settings = load_settings(given, config, os.environ)
        configure_logs(settings.log_level, settings.log_format)
        _warn(settings)
        bound = _bind(settings.host, settings.port, "--host and --port; --port 0")
        _check_grpc(settings)
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


def _bind(host: str, port: int, options: str) -> socket.socket:
    """Return the listening socket, or say why there is none and which options change that."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        typer.echo(
            f"starling: Cannot listen on {host}:{port}: {error.strerror}. "
            f"Choose another address with {options} takes a free one.",
            err=True,
        )
        raise typer.Exit(1) from None
    bound.set_inheritable(True)
    return bound


def _check_grpc(settings: Settings) -> None:
    """Find out before the model is loaded what would keep gRPC from listening.

    gRPC binds its port itself; this one is let go at once.
    """
    if settings.grpc:
        tls_credentials(settings)
        port = settings.chosen_grpc_port()
        _bind(settings.host, port, "--grpc-port, or leave gRPC out with --no-grpc; 0").close()


def _listen(
    settings: Settings, bound: socket.socket, factory: SessionFactory, announce: str
) -> None:
    config = uvicorn.Config(
        build_app(factory),
        host=settings.host,
        port=settings.port,
        ws=DirectSocketProtocol,
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


def spare_garbage_collector() -> None:
    """Leave what was loaded to start out of collections, and make the others rare.

    Nothing runs while garbage is collected; with 400 sessions that took 0.1 s each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


class AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does, and lets sessions finish before it stops."""

    def __init__(self, config: uvicorn.Config, factory: SessionFactory, announce: str) -> None:
        super().__init__(config)
        self._factory = factory
        self._announce = announce
        self._grpc = GrpcServer(factory) if factory.settings.grpc else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the address on standard output."""
        await super().startup(sockets)
        if not self.started:
            return
        grpc_port: int | None = None
        if self._grpc is not None:
            try:
                grpc_port = await self._grpc.start()
            except OSError as error:
                typer.echo(f"starling: gRPC cannot listen: {error}.", err=True)
                self.started, self.should_exit = False, True
                return
        spare_garbage_collector()
        self._tell(grpc_port)

    def _tell(self, grpc_port: int | None) -> None:
        url = f"http://{self._address(self.servers[0].sockets[0].getsockname()[1])}"
        grpc = None if grpc_port is None else self._address(grpc_port)
        models = ", ".join(offer.name for offer in self._factory.offers)
        if self._announce == "json":
            line = {"event": "listening", "url": url, "grpc": grpc, "model": models}
            typer.echo(json.dumps({**line, "pid": os.getpid()}))
            return
        beside = f"  gRPC is at {grpc}.\n" if grpc else ""
        typer.echo(f"\n  Starling is listening ({models}).\n  Open {url} and speak.\n{beside}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let sessions publish what they heard, then close."""
        if self._grpc is not None:
            await self._grpc.send_away(self._factory.settings.drain_timeout_s)
        await drain(self._factory)
        if self._grpc is not None:
            await self._grpc.stop()
        await super().shutdown(sockets)

    def _address(self, port: int) -> str:
        host = self.config.host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 # not bound here
        return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"
