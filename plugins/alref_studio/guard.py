"""Who may talk to the server: requests that know the token, to a known host, and from the page itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
MAX_PREFIX_PARTS = 8
"""Parts of a path before the token, which a proxy may leave there."""
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
        b" worker-src 'self'; media-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class AccessGuard:
    """An ASGI application that lets only the page's own requests through to ``app``.

    The first part of every path is ``token``, after what a proxy puts before it. ``hosts`` are names by which the server may be
    called besides those of this machine, so that a name that somebody else points at this machine is refused. A request that
    changes something must come from the page: its ``Origin`` is the host that it calls.
    """

    def __init__(self, app: Application, token: str, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = token
        self._own_hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if reason := self._find_objection(scope["method"], headers):
            await PlainTextResponse(reason, 403)(scope, receive, send)
            return
        parts = scope["path"].split("/")
        found = (number for number, part in enumerate(parts[: MAX_PREFIX_PARTS + 1]) if compare_digest(part, self._token))
        place = next(found, None) if scope["path"].isascii() else None
        if place is None:
            await PlainTextResponse("open the whole address that alref studio printed", 403)(scope, receive, send)
        elif place == len(parts) - 1:
            await RedirectResponse(f"{self._token}/")(scope, receive, send)
        else:
            inner = {**scope, "path": "/" + "/".join(parts[place + 1 :]), "root_path": "", "raw_path": None}
            await self._app(inner, receive, self._add_headers(send))

    def _find_objection(self, method: str, headers: dict[str, str]) -> str:
        """Return why a request is refused, empty if it is not."""
        host = headers.get("host", "")
        if get_host_name(host) not in LOCAL_HOSTS | self._own_hosts:
            return "this name is not one of the server's; add it: alref studio --allow-host NAME"
        origin = headers.get("origin")
        if method in SAFE_METHODS or origin is None:
            foreign = headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
            return "another site may not use this page" if foreign and method not in SAFE_METHODS else ""
        place = urlsplit(origin).netloc
        is_own = place == host or get_host_name(place) in self._own_hosts
        return "" if is_own else "another site may not use this page"

    @staticmethod
    def _add_headers(send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                cached = [] if b"cache-control" in given else [(b"cache-control", b"no-store")]
                message = {**message, "headers": [*message["headers"], *HEADERS, *cached]}
            await send(message)

        return send_with_headers


def get_host_name(place: str) -> str:
    """Return the host of ``host:port``, without the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return ""
