"""The page as an application that any server of ASGI runs. `build` is all that others call.

NiceGUI keeps its routes and clients in one place of the process, so a process has one page at a time: another `build`
takes the place of one that has ended. Nothing is loaded from anywhere but this server, which the content security
policy holds the browser to.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import core, run, ui
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seaway.clock import Clock
from seaway.monitor.page import alerts, compare, model, overview, servers, text
from seaway.monitor.page.access import COOKIE, HOW_TO_ENABLE, SESSION_S, Access
from seaway.monitor.page.actions import Actions
from seaway.monitor.page.components import tag
from seaway.monitor.page.frame import Site, framed
from seaway.monitor.page.reading import Answers
from seaway.monitor.view import View

_MOST_FORM_BYTES = 16 * 1024
# Vue compiles templates and NiceGUI's page has inline scripts; but nothing comes from, or goes to, another place.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}
_FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b3a53"/>'
    '<path d="M4 20c4-5 8-5 12 0s8 5 12 0" fill="none" stroke="#5fd0e0" stroke-width="3"/></svg>'
)


class _Guarded:
    """Adds headers that bound what a browser does with the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def build(view: View, clock: Clock, *, password: str = "", actions: Actions | None = None) -> FastAPI:
    """Return the application; routes that are added to it later take precedence over the page's.

    Args:    password - whoever knows it may silence and act; empty turns both off.
             actions - what can be done to a fleet; None hides it.
    """
    site = Site(view, clock, Access(password, clock), actions, Answers())
    app = FastAPI(title="Seaway monitor", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guarded)
    _add_sessions(app, site.access)
    _add_pages(site)
    core.app.middleware_stack = None  # An earlier page of this process has begun; Starlette would refuse changes.
    core.app.user_middleware.clear()
    ui.run_with(
        app,
        title="Seaway",
        favicon=_FAVICON,
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )
    _put_last(app)
    return app


def _put_last(app: FastAPI) -> None:
    """Let NiceGUI, which is mounted at the root, have only what no other route has, whenever that was added."""
    mount = next(route for route in app.routes if isinstance(route, Mount) and route.app is core.app)
    app.router.routes.remove(mount)

    async def rest(scope: Scope, receive: Receive, send: Send) -> None:
        _, child = mount.matches(scope)
        scope.update(child)
        await mount.handle(scope, receive, send)

    app.router.default = rest


def _add_pages(site: Site) -> None:
    view = site.view

    @ui.page("/", title="Overview · Seaway")
    def overview_page(request: Request) -> None:
        with framed(site, request, "Overview") as visit:
            overview.build(visit)

    def show_model(request: Request, name: str) -> None:
        ui.page_title(f"{text.visible(name)} · Seaway")
        with framed(site, request, text.visible(name), whole=text.visible(name, 4000)) as visit:
            model.build(visit, name)

    @ui.page("/model", title="Model · Seaway")
    def named_model_page(request: Request, name: str = "") -> None:
        show_model(request, name)

    @ui.page("/model/{name:path}", title="Model · Seaway")
    def model_page(request: Request, name: str) -> None:
        show_model(request, name)

    @ui.page("/compare", title="Compare · Seaway", response_timeout=30.0)
    async def compare_page(request: Request) -> None:
        found = await run.io_bound(compare.known_choices, view.store, request.query_params.get("kind", ""))
        with framed(site, request, "Compare") as visit:
            compare.build(visit, found or [])

    @ui.page("/alerts", title="Alerts · Seaway")
    def alerts_page(request: Request) -> None:
        with framed(site, request, "Alerts", has_range=False) as visit:
            alerts.build(visit)

    @ui.page("/servers", title="Servers · Seaway")
    def servers_page(request: Request) -> None:
        with framed(site, request, "Servers") as visit:
            servers.build(visit)

    @ui.page("/login", title="Log in · Seaway")
    def login_page(request: Request) -> None:
        with framed(site, request, "Log in", has_range=False) as visit:
            visit.updated.text = ""
            if not site.access.is_possible:
                tag("p", HOW_TO_ENABLE, "sw-hint")
                return
            if visit.parameters.get("failed"):
                tag("p", "The password is wrong, or was tried too often: wait a minute.", "sw-banner", role="alert")
            with tag("form", classes="sw-form", method="post", action="/session"):
                tag("input", type="hidden", name="next", value=local(visit.parameters.get("next", "/")))
                with tag("label"):
                    tag("span", "Password")
                    tag("input", type="password", name="password", autocomplete="current-password", required="")
                tag("button", "Log in", "sw-button sw-strong", type="submit")


def local(path: str) -> str:
    """Return an address that stays within this site, or the first page instead."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"


def _add_sessions(app: FastAPI, access: Access) -> None:
    @app.post("/session", include_in_schema=False)
    async def log_in(request: Request) -> Response:
        given = await _form(request)
        then = local(given.get("next", "/"))
        token = access.log_in(given.get("password", ""))
        if token is None:
            return RedirectResponse(text.address("/login", failed="1", next=then), 303)
        response = RedirectResponse(then, 303)
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    @app.post("/session/end", include_in_schema=False)
    async def log_out(request: Request) -> Response:
        access.log_out(request.cookies.get(COOKIE, ""))
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; what is too large to be one is read as empty."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM_BYTES:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
