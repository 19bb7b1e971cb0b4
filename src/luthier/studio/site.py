"""The addresses of the studio: a page for each language, the report of a study, downloads.

/                    the visitor's language
/en/  /zh/           the pages
/files/report        ?study=…
/files/delta         ?study=…&trial=…     a zip
/files/export        ?study=…&export=…    a zip
"""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from gradio.utils import get_upload_folder

from .. import __version__
from ..errors import UserError
from ..ship.listen import Listener
from .door import HEADERS, LANGUAGE, Door
from .page import page
from .place import Place
from .shared import Studio
from .tabs.ship import EXPORTS
from .voices import Choir
from .words import LANGUAGES, preferred

LARGEST_FILE = "2gb"
HERE = Path(__file__).parent
FONTS = ["system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
MONO = ["ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]
COLOURS = {
    "button_primary_background_fill": ("#96421a", "#96421a"),
    "button_primary_background_fill_hover": ("#7d3614", "#b05526"),
    "body_background_fill": ("#fbfaf6", "#171615"),
    "block_background_fill": ("#fffefb", "#1e1d1b"),
    "input_background_fill": ("#f3f0e8", "#292724"),
    "button_secondary_background_fill": ("#ebe6da", "#33302c"),
    "checkbox_label_background_fill": ("#f3f0e8", "#292724"),
}
"""The reports' colours, on light and on dark."""
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="3.5" fill="#96421a"/></svg>'
STRANGER = "sandbox allow-scripts allow-popups; frame-ancestors 'self'"
"""Beside a report's own policy: a study folder may come from anyone, so its page is no page of ours."""
SPOOLED = 1 << 24
PIECE = 1 << 20


def site(place: Place, backbones: Sequence[str], language: str | None = None) -> FastAPI:
    """The app, without its door."""
    app = FastAPI(title="luthier", version=__version__, openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/")
    def first(request: Request) -> RedirectResponse:
        chosen = preferred(request.headers.get("accept-language", ""), request.cookies.get(LANGUAGE), language)
        return RedirectResponse(f"/{chosen}/")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(ICON, media_type="image/svg+xml")

    def there(path: Path) -> Path:
        if not (path.exists() and place.inside(path)):
            raise UserError(f"There is no {path.name} there.", "a finished one", "wait until the study is done")
        return path

    @app.get("/files/report")
    def report(study: str) -> FileResponse:
        path = there(place.study(study) / "report.html")
        return FileResponse(path, media_type="text/html", headers={**HEADERS, "content-security-policy": STRANGER})

    @app.get("/files/delta")
    def delta(study: str, trial: str) -> StreamingResponse:
        return _zip(there(place.trial(study, trial) / "delta"), trial)

    @app.get("/files/export")
    def export(study: str, export: str) -> StreamingResponse:
        known = {p.name: p for p in (place.study(study) / EXPORTS).glob("*/")}
        if export not in known:
            raise UserError(f"There is no export {export!r}.", ", ".join(known) or "none yet", "export it first")
        return _zip(there(known[export]), export)

    @app.exception_handler(UserError)
    def refused(_: Request, fault: UserError) -> PlainTextResponse:
        return PlainTextResponse(str(fault), 404)

    theme = gr.themes.Base(primary_hue="orange", neutral_hue="stone", font=FONTS, font_mono=MONO, radius_size="sm")
    dark = {f"{name}_dark": colour for name, (_, colour) in COLOURS.items()}
    theme.set(**{name: colour for name, (colour, _) in COLOURS.items()}, **dark, button_large_text_weight="500")
    head = f"<script>{(HERE / 'studio.js').read_text(encoding='utf-8')}</script>"
    css = (HERE / "studio.css").read_text(encoding="utf-8")
    choir: dict[str, Choir] = {}
    for word in LANGUAGES:
        look = {"theme": theme, "css": css, "head": head}
        quiet = {"footer_links": [], "run_history": False, "ssr_mode": False, "enable_monitoring": False}
        blocks = page(Studio(place, word, backbones, choir))
        blocks.has_launched = True  # else the library skips its check of paths, as one that it did not start itself
        gr.mount_gradio_app(app, blocks, f"/{word}", show_error=False, max_file_size=LARGEST_FILE, **look, **quiet)
    return app


def uploads() -> Path:
    """Where the library puts files from a browser."""
    return Path(get_upload_folder())


def _zip(folder: Path, name: str) -> StreamingResponse:
    """A folder as a zip, without what a link in it would lead to."""
    packed: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 (closed when it was sent)
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
    packed.seek(0)
    quoted = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    headers = {"content-disposition": f'attachment; filename="{quoted}.zip"'}
    return StreamingResponse(_pieces(packed), media_type="application/zip", headers=headers)


def _pieces(packed: IO[bytes]) -> Iterator[bytes]:
    with packed:
        while piece := packed.read(PIECE):
            yield piece


async def listen(door: Door, way_in: socket.socket, started: Callable[[], Any]) -> None:
    """Serve until SIGTERM or SIGINT; studies under way go on."""
    config = uvicorn.Config(
        door, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    server = Listener(config)
    for word in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(word, lambda: setattr(server, "should_exit", True))
    serving = asyncio.create_task(server.serve(sockets=[way_in]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    started()
    await serving
