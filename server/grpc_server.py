"""The gRPC side of the server: port, credentials, health, reflection, and its end.

It runs on the event loop of the HTTP server and on the same engine; gRPC does its HTTP/2 on threads
of its own.
"""

import asyncio
import ssl
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from server.readiness import readiness
from server.session_opening import SessionFactory
from server.settings import Settings, SettingsError
from server.transcription_service import TRANSCRIPTION, TranscriptionService

HEALTH_POLL_S = 0.5
"""How old the told health may be."""

END_GRACE_S = 0.5
"""Time for last messages and statuses to leave."""

LOOKAHEAD_BYTES = 256 * 1024
"""Audio of a call that waits in gRPC: as much as a container's pipe holds."""

OWN_LIMITS_FACTOR = 8
"""A message this much too large still gets our error with its hint; a larger one gRPC's own."""


class GrpcServer:
    """Serves calls from `start` to `stop`; `send_away` comes between when it should be gentle."""

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory
        self._health = health_aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; return the port.

        Raises:
            SettingsError: A certificate cannot be read.
            OSError: The port cannot be used.
        """
        settings = self._factory.settings
        credentials = tls_credentials(settings)
        server = grpc.aio.server(options=_channel_options(settings))
        TranscriptionService(self._factory).add_to(server)
        add_HealthServicer_to_server(self._health, server)
        names = (TRANSCRIPTION, HEALTH, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        address = grpc_address(settings)
        try:
            if credentials is None:
                port = server.add_insecure_port(address)
            else:
                port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"{address} cannot be used") from error
        await self._tell_health()
        await server.start()
        self._server = server
        self._watch = asyncio.create_task(self._follow_readiness(), name="grpc health")
        return port

    async def send_away(self, grace_s: float) -> None:
        """Turn health off, take no new calls, ask clients to move (GOAWAY); open calls go on.

        Those still open after `grace_s` are cut off.
        """
        if self._server is None or self._watch is None:
            return
        self._watch.cancel()
        await self._health.enter_graceful_shutdown()
        self._ending = asyncio.create_task(self._server.stop(grace_s), name="grpc end")

    async def stop(self) -> None:
        """End what is still open: by now only calls that never end, such as health watchers."""
        if self._server is not None:
            await self._server.stop(END_GRACE_S)

    async def _follow_readiness(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_POLL_S)
            await self._tell_health()

    async def _tell_health(self) -> None:
        is_ready = readiness(self._factory).is_ready
        kinds = health_pb2.HealthCheckResponse
        status = kinds.SERVING if is_ready else kinds.NOT_SERVING
        for name in ("", TRANSCRIPTION):
            await self._health.set(name, status)


def grpc_address(settings: Settings) -> str:
    """Return where to listen, as gRPC writes it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.chosen_grpc_port()}"


def _channel_options(settings: Settings) -> list[tuple[str, int]]:
    largest_bytes = max(
        settings.grpc_max_message_bytes, OWN_LIMITS_FACTOR * settings.max_message_bytes
    )
    timeout_ms = int(settings.grpc_keepalive_timeout_s * 1000)
    return [
        # Without this a second server would share the port unnoticed.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", largest_bytes),
        ("grpc.max_send_message_length", -1),
        # What a client may send that nobody reads; else it grows to megabytes a session.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
        ("grpc.keepalive_time_ms", int(settings.grpc_keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        # Its default of 60 s would hold whatever the keepalive says.
        ("grpc.http2.ping_timeout_ms", timeout_ms),
        # Else only two pings are sent while a session is silent.
        ("grpc.http2.max_pings_without_data", 0),
        # Clients may keep their side alive as often, also between calls.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ]


def tls_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Return the credentials that the settings name; None for plain text.

    Raises:
        SettingsError: A file is missing or is not what it should be.
    """
    cert, key, client_ca = (
        settings.grpc_tls_cert,
        settings.grpc_tls_key,
        settings.grpc_tls_client_ca,
    )
    if cert is None and key is None:
        if client_ca is not None:
            raise SettingsError(["grpc_tls_client_ca: needs grpc_tls_cert and grpc_tls_key too"])
        return None
    if cert is None or key is None:
        raise SettingsError(["grpc_tls_cert and grpc_tls_key: both are needed"])
    _check_certificates(cert, key, client_ca)
    return grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())],
        root_certificates=client_ca.read_bytes() if client_ca else None,
        require_client_auth=client_ca is not None,
    )


def _check_certificates(cert: Path, key: Path, client_ca: Path | None) -> None:
    """Read the files as gRPC will, which itself says nothing of a bad one until clients fail."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password: one that is asked for on the terminal would stop the start.
        context.load_cert_chain(cert, key, password="")
    except OSError as error:
        raise SettingsError([f"grpc_tls_cert, grpc_tls_key: {error.strerror or error}"]) from None
    if client_ca is None:
        return
    try:
        context.load_verify_locations(client_ca)
    except OSError as error:
        raise SettingsError([f"grpc_tls_client_ca: {error.strerror or error}"]) from None
