"""Health, metrics, what the server offers, and the page."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.error_body import error_body
from server.readiness import readiness
from server.session_opening import SessionFactory
from server.version import version
from server.wire_status import WIRE_STATUS
from streaming.errors import StarlingError

SECURITY_HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; "
        b"worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"microphone=(self)",
}


def page_folder() -> Path:
    """Return the folder of the page: inside the installed package, else in the checkout."""
    here = Path(__file__).parent
    installed = here / "browser"
    return installed if installed.is_dir() else here.parent / "clients" / "browser"


def http_routes(factory: SessionFactory) -> list[Route | Mount]:
    """Return the HTTP routes of the server."""
    endpoints = HttpEndpoints(factory)
    return [
        Route("/healthz", endpoints.healthz),
        Route("/readyz", endpoints.readyz),
        Route("/metrics", endpoints.metrics),
        Route("/v1/info", endpoints.info),
        Route("/watch", endpoints.watch_page),
        Mount("/", StaticFiles(directory=page_folder(), html=True)),
    ]


class HttpEndpoints:
    """The handlers, over what the sessions share."""

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory

    async def healthz(self, _: Request) -> Response:
        """Say that the process answers, and how its parts are."""
        return JSONResponse({"status": "alive", "components": readiness(self._factory).components})

    async def readyz(self, _: Request) -> Response:
        """Say whether sessions are taken, component by component."""
        found = readiness(self._factory)
        body = {
            "status": "ready" if found.is_ready else "not ready",
            "components": found.components,
        }
        return JSONResponse(body, 200 if found.is_ready else 503)

    async def watch_page(self, _: Request) -> Response:
        """Return the page of viewers; what it shows is in its address."""
        return FileResponse(page_folder() / "watch.html")

    async def metrics(self, _: Request) -> Response:
        """Return all metrics in Prometheus' text format."""
        data = generate_latest(self._factory.services.metrics.registry)
        return Response(data, media_type=CONTENT_TYPE_LATEST)

    async def info(self, _: Request) -> Response:
        """Return what clients need to know before they connect."""
        factory = self._factory
        settings = factory.settings
        limits = settings.option_limits()
        needs_key = factory.authenticator.is_required
        body = {
            "version": version(),
            "auth": needs_key,
            "models": [
                {
                    "name": offer.name,
                    "languages": sorted(offer.languages),
                    "multilingual": offer.is_multilingual,
                }
                for offer in factory.offers
            ],
            "limits": {
                "max_message_bytes": settings.max_message_bytes,
                "max_text_bytes": settings.max_text_bytes,
                "max_session_s": settings.max_session_s,
                "idle_timeout_s": settings.idle_timeout_s,
                "endpoint_silence_ms": {
                    "min": limits.min_endpoint_silence_ms,
                    "max": limits.max_endpoint_silence_ms,
                    "default": settings.endpoint_silence_ms,
                },
                "max_utterance_s": {
                    "min": limits.min_utterance_s,
                    "max": limits.max_utterance_s,
                    "default": settings.max_utterance_s,
                },
            },
        }
        return JSONResponse(body)


async def answer_error(_: Request, error: Exception) -> Response:
    """Turn a StarlingError of a handler into its response."""
    if not isinstance(error, StarlingError):
        raise error
    return JSONResponse(error_body(error), WIRE_STATUS[error.code].http)


class SecurityHeaders:
    """Adds the same protective headers to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; other scopes go through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _adding_headers(send))


def _adding_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *SECURITY_HEADERS.items()]
        await send(message)

    return send_with_headers
