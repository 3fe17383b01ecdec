"""The composition root: the only place that builds the parts and joins them."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from server.admission import Admission
from server.auth import Authenticator
from server.dialects.deepgram import DeepgramDialect
from server.dialects.deepgram_messages import Call
from server.dialects.deepgram_turns import DeepgramTurnsDialect
from server.dialects.native import NativeDialect
from server.dialects.openai_realtime import OpenAIRealtimeDialect
from server.dialects.sockets import LiveProtocol
from server.engine.base import Engine
from server.engine.dispatcher import EngineDispatcher
from server.files.service import FileService
from server.freed_memory import give_back_freed_memory
from server.http_routes import SecurityHeaders, answer_error, http_routes
from server.keeping import build_keeping
from server.loop_lag import watch_loop_lag
from server.metrics import Metrics
from server.overload import watch_load
from server.services import Services
from server.session_opening import SessionFactory
from server.settings import Settings
from server.transports.deepgram_files import deepgram_file_route
from server.transports.openai_files import openai_routes
from server.transports.viewer_routes import viewer_routes
from server.transports.viewer_socket import serve_viewer
from server.transports.websocket import serve_socket
from server.vad.scorer import SpeechModel, SpeechScorer
from server.version import version
from server.viewers.viewing import build_viewing
from streaming.errors import StarlingError

OPENAI_TEXT_SHARE = 6
"""An event of OpenAI's may hold so many times `max_message_bytes`: minutes of audio in base64."""


@dataclass(frozen=True, slots=True)
class Models:
    """The loaded models."""

    engine: Engine
    speech: SpeechModel
    num_workers: int
    max_batch: int
    max_file_batch: int | None = None
    max_batch_frames: int | None = None
    max_interims: int | None = None


def build_factory(settings: Settings, models: Models) -> SessionFactory:
    """Join the parts that all sessions share.

    Raises:
        SettingsError: The API keys cannot be read.
    """
    metrics = Metrics()
    admission = Admission(settings.max_sessions)
    dispatcher = EngineDispatcher(
        models.engine,
        metrics,
        num_workers=models.num_workers,
        max_batch=models.max_batch,
        max_file_batch=models.max_file_batch,
        max_batch_frames=models.max_batch_frames,
        max_interims=models.max_interims,
        has_live_session=lambda: admission.num_open > 0,
    )
    keeping = build_keeping(settings, metrics, admission)
    scorer = SpeechScorer(models.speech, metrics)
    authenticator = Authenticator(settings.read_api_keys())
    viewing = build_viewing(settings, metrics, keeping, authenticator)
    services = Services(scorer, dispatcher, metrics, keeping.journal, viewing.broadcast)
    return SessionFactory(
        settings=settings,
        offers=(models.engine.offer,),
        services=services,
        admission=admission,
        authenticator=authenticator,
        files=FileService(settings, services),
        keeping=keeping,
        viewing=viewing,
    )


def build_app(factory: SessionFactory) -> Starlette:
    """Return the application: page, API and sockets on one port."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        services = factory.services
        factory.keeping.start()
        factory.viewing.start()
        services.metrics.ready.set(1)
        watches = [
            asyncio.create_task(watch_loop_lag(services.metrics), name="loop lag"),
            asyncio.create_task(
                watch_load(services.dispatcher, factory.admission, services.metrics), name="load"
            ),
            asyncio.create_task(give_back_freed_memory(), name="freed memory"),
        ]
        yield
        for watch in watches:
            watch.cancel()
        await factory.viewing.close()
        await factory.keeping.close()
        await services.dispatcher.close()
        services.scorer.close()

    sockets = [_socket_route(protocol, factory) for protocol in live_protocols(factory)]
    routes: list[BaseRoute] = [*sockets, _viewer_route(factory), *viewer_routes(factory)]
    routes += openai_routes(factory)
    routes += [deepgram_file_route(factory, lambda: new_call(factory)), *http_routes(factory)]
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={StarlingError: answer_error},
        lifespan=lifespan,
    )


def live_protocols(factory: SessionFactory) -> tuple[LiveProtocol, ...]:
    """Return every protocol that live sessions are served in; paths are unique."""
    settings = factory.settings

    def deepgram() -> DeepgramDialect:
        return DeepgramDialect(new_call(factory))

    def deepgram_turns() -> DeepgramTurnsDialect:
        return DeepgramTurnsDialect(new_call(factory))

    def openai() -> OpenAIRealtimeDialect:
        names = frozenset(offer.name for offer in factory.offers)
        return OpenAIRealtimeDialect(new_item_id, names, factory.offers[0].languages)

    # OpenAI's clients may be silent for as long as they like, and send audio as text.
    openai_manners = (settings.max_session_s, OPENAI_TEXT_SHARE * settings.max_message_bytes)
    return (
        LiveProtocol("/v1/stream", NativeDialect, settings.idle_timeout_s),
        LiveProtocol("/v1/realtime", openai, *openai_manners),
        LiveProtocol("/v1/listen", deepgram, settings.deepgram_idle_timeout_s),
        LiveProtocol("/v2/listen", deepgram_turns, settings.deepgram_idle_timeout_s),
    )


def new_item_id(prefix: str) -> str:
    """Return an id for an event or item of OpenAI's protocol."""
    return f"{prefix}_{secrets.token_hex(12)}"


def new_call(factory: SessionFactory) -> Call:
    """Return the id and time of a call in Deepgram's protocol."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    names = frozenset(offer.name for offer in factory.offers)
    return Call(str(uuid.uuid4()), created, names, version())


def _socket_route(protocol: LiveProtocol, factory: SessionFactory) -> WebSocketRoute:
    async def serve(socket: WebSocket) -> None:
        await serve_socket(socket, protocol, factory)

    return WebSocketRoute(protocol.path, serve)


def _viewer_route(factory: SessionFactory) -> WebSocketRoute:
    async def serve(socket: WebSocket) -> None:
        await serve_viewer(socket, factory)

    return WebSocketRoute("/v1/sessions/{session}/watch", serve)


async def drain(factory: SessionFactory) -> None:
    """Take no new sessions; let the open ones move to other replicas, or finish."""
    factory.services.metrics.ready.set(0)
    factory.files.close()
    timeout_s = factory.settings.drain_timeout_s
    await factory.admission.close(timeout_s, hands_over=factory.keeping.is_shared)
    factory.viewing.feeds.close()
