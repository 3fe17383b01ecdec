"""A session over HTTP: its events, its transcript, its shares, and its end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.dialects import viewing as dialect
from server.dialects.native import explain
from server.error_body import error_body
from server.files.connected import while_connected
from server.session_opening import SessionFactory
from server.stores.base import StoreUnavailableError
from server.transports.viewer_socket import SEND_TIMEOUT_S, number_after
from server.viewers.access import Reader
from server.viewers.feed import Viewer, store_unavailable
from server.viewers.feeds import Feeds
from server.viewers.subtitles import FORMATS, render
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final

RETRY_MS = 2000
HEARTBEAT_S = 15.0
MAX_BODY_BYTES = 4096
DEFAULT_SHARE_S = 4 * 3600.0

_Handler = Callable[[Request], Awaitable[Response]]


class ShareRequest(BaseModel):
    """What may be asked of a new share."""

    model_config = ConfigDict(extra="forbid")

    expires_in_s: float | None = Field(None, ge=1)


def viewer_routes(factory: SessionFactory) -> list[Route]:
    """Return the routes under `/v1/sessions`."""
    endpoints = _Endpoints(factory)
    session = "/v1/sessions/{session}"
    rows: list[tuple[str, str, _Handler]] = [
        ("GET", f"{session}/events", endpoints.events),
        ("GET", f"{session}/transcript.{{form}}", endpoints.transcript),
        ("POST", f"{session}/shares", endpoints.share),
        ("DELETE", f"{session}/shares/{{share}}", endpoints.revoke),
        ("DELETE", session, endpoints.erase),
    ]
    return [Route(path, _told(handler), methods=[method]) for method, path, handler in rows]


def _told(handler: _Handler) -> _Handler:
    """Return the handler with failures as their responses."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except StarlingError as error:
            return _failure(error)
        except StoreUnavailableError:
            return _failure(store_unavailable())

    return answer


class _Endpoints:
    """The handlers, over what viewers share."""

    def __init__(self, factory: SessionFactory) -> None:
        self._viewing = factory.viewing
        self._max_share_s = factory.settings.max_share_s

    async def events(self, request: Request) -> Response:
        """Stream the session as server-sent events."""
        reader = await self._reader(request)
        last = request.headers.get("last-event-id") or request.query_params.get("after")
        after_seq = number_after(last)
        session = await self._viewing.store.load(reader.session_id)
        if session is not None and session.is_closed and 0 < session.last_seq <= after_seq:
            # The status that tells an EventSource not to come back.
            return Response(status_code=204)
        return _EventStream(self._viewing.feeds, reader, after_seq)

    async def transcript(self, request: Request) -> Response:
        """Return the transcript so far."""
        form = request.path_params["form"]
        if form not in FORMATS:
            raise StarlingError(
                ErrorCode.INVALID_OPTIONS,
                f"there is no transcript.{form[:20]}",
                f"ask for transcript.{', transcript.'.join(FORMATS)}",
            )
        reader = await self._reader(request)
        session_id = reader.session_id
        session = await self._viewing.store.load(session_id)
        logged = [(entry.seq, entry.event) for entry in await self._viewing.whole_log(session_id)]
        finals = [(seq, event) for seq, event in logged if isinstance(event, Final)]
        finals.sort(key=lambda numbered: (numbered[1].start_sample, numbered[1].channel))
        body = dialect.transcript_body(
            session_id,
            finals,
            last_seq=logged[-1][0] if logged else 0,
            is_closed=session is not None and session.is_closed,
        )
        text = _json(body) if form == "json" else render(form, finals)
        headers = {"cache-control": "no-store"}
        return Response(text, media_type=FORMATS[form], headers=headers)

    async def share(self, request: Request) -> Response:
        """Make a share."""
        session = await self._viewing.access.owner(request.path_params["session"], request.headers)
        asked = _share_request(await _body(request)).expires_in_s
        ttl_s = min(asked or DEFAULT_SHARE_S, self._max_share_s)
        session_id = session.ownership.session_id
        share = await self._viewing.shares.create(session_id, ttl_s)
        body = {
            "session": session_id,
            "share": share.share_id,
            "token": share.token,
            "expires_in_s": share.expires_in_s,
            "page": f"/watch?session={session_id}#token={share.token}",
        }
        return JSONResponse(body, 201, {"cache-control": "no-store"})

    async def revoke(self, request: Request) -> Response:
        """Revoke a share."""
        session = await self._viewing.access.owner(request.path_params["session"], request.headers)
        session_id, share_id = session.ownership.session_id, request.path_params["share"]
        if not await self._viewing.shares.revoke(session_id, share_id):
            raise StarlingError(
                ErrorCode.SESSION_NOT_FOUND,
                "the session has no such share, or it has expired",
                "name the share by the `share` of the answer that made it",
            )
        return Response(status_code=204)

    async def erase(self, request: Request) -> Response:
        """Delete the session: kept, running and watched."""
        session = await self._viewing.access.owner(request.path_params["session"], request.headers)
        await self._viewing.erase(session.ownership.session_id)
        return Response(status_code=204)

    async def _reader(self, request: Request) -> Reader:
        token = request.query_params.get("token")
        session_id = request.path_params["session"]
        return await self._viewing.access.reader(session_id, request.headers, (), token)


class _EventStream(Response):
    """Server-sent events until the session is over or the viewer is gone."""

    media_type = "text/event-stream"

    def __init__(self, feeds: Feeds, reader: Reader, after_seq: int) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feeds = feeds
        self._reader = reader
        self._after_seq = after_seq

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the client goes away."""
        try:
            async with self._feeds.watch(self._reader, self._after_seq) as viewer:
                with suppress(ClientDisconnect, OSError, TimeoutError):
                    await while_connected(receive, self._stream(viewer, send))
        except StarlingError as error:
            await _failure(error)(scope, receive, send)

    async def _stream(self, viewer: Viewer, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _send(send, dialect.stream_start(RETRY_MS))
        try:
            while (data := await _next(viewer)) is not None:
                await _send(send, data)
        except StarlingError as error:
            await _send(send, dialect.stream_error(error))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _next(viewer: Viewer) -> bytes | None:
    """Return the next event as bytes, a heartbeat when none comes for long, None after the last."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            message = await viewer.next()
    except TimeoutError:
        return dialect.HEARTBEAT
    return None if message is None else message.encoded(dialect.stream_event)


async def _send(send: Send, data: bytes) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _body(request: Request) -> bytes:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise StarlingError(
                ErrorCode.MESSAGE_TOO_LARGE,
                f"the body is larger than {MAX_BODY_BYTES} bytes",
                'send {"expires_in_s": SECONDS} or nothing',
            )
    return data


def _share_request(data: bytes) -> ShareRequest:
    try:
        return ShareRequest.model_validate_json(data or b"{}")
    except ValidationError as error:
        hint = 'send {"expires_in_s": SECONDS} or nothing'
        raise explain(error, ErrorCode.INVALID_MESSAGE, hint) from None


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False) + "\n"


def _failure(error: StarlingError) -> Response:
    headers = {"cache-control": "no-store"}
    if error.retry_after_s is not None:
        headers["retry-after"] = f"{error.retry_after_s:.0f}"
    return JSONResponse(error_body(error), WIRE_STATUS[error.code].http, headers)
