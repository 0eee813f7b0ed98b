"""The HTTP interface of the page: frames, masks, runs and jobs. Every address is relative to the page's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zipfile import ZipFile

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from alref import AlrefError, InputError
from alref_studio import view
from alref_studio.library import OpenedRun
from alref_studio.studio import Studio
from alref_studio.worker import WorkerBusyError

PAGE = Path(__file__).with_name("page")
MAX_BODY_BYTES = 1_000_000
MAX_MASK_FRAMES = 256
FOREVER = {"cache-control": "private, max-age=86400, immutable"}
"""Headers of what an address names with its version."""


class StudioRoutes:
    """The endpoints of one studio; ``list_routes`` gives them their addresses."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def list_routes(self) -> list[BaseRoute]:
        """List the addresses of the page."""
        return [
            Route("/", self.read_page),
            Route("/events", self.read_events),
            Route("/state", self.read_state),
            Route("/{kind}/{id}/frames/{frame:int}", self.read_frame),
            Route("/videos/{id}", self.read_video),
            Route("/uploads", self.store_upload, methods=["POST"]),
            Route("/videos/{id}/forecast", accept(self.read_forecast), methods=["POST"]),
            Route("/videos/{id}/ask", accept(self.start_ask), methods=["POST"]),
            Route("/runs/{id}", self.read_run),
            Route("/runs/{id}/video", self.read_run_video),
            Route("/runs/{id}/masks", self.read_masks),
            Route("/runs/{id}/objects/{object:int}/thumbnail", self.read_thumbnail),
            Route("/runs/{id}/candidates/{index:int}/thumbnail", self.read_candidate),
            Route("/runs/{id}/prepare", accept(self.start_prepare), methods=["POST"]),
            Route("/runs/{id}/preview", accept(self.read_preview), methods=["POST"]),
            Route("/runs/{id}/edit", accept(self.start_edit), methods=["POST"]),
            Route("/runs/{id}/export", accept(self.start_export), methods=["POST"]),
            Route("/runs/{id}/exports/{name}", self.read_export),
            Route("/runs/{id}/resume", accept(self.start_resume), methods=["POST"]),
            Route("/cancel", accept(self.cancel_jobs), methods=["POST"]),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]

    async def read_page(self, request: Request) -> Response:
        """Return the page."""
        return FileResponse(PAGE / "index.html")

    async def read_events(self, request: Request) -> Response:
        """Return the stream of events, which begins with the state."""
        hub, first = self._studio.hub, await run_in_threadpool(self._studio.describe_state)
        return StreamingResponse(hub.stream(first), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    def read_state(self, request: Request) -> Response:
        """Return the videos with their runs, and the job."""
        return JSONResponse(self._studio.describe_state())

    def read_video(self, request: Request) -> Response:
        """Return the size and the times of a video."""
        library, id_ = self._studio.library, request.path_params["id"]
        entry = library.get_video(id_)
        return JSONResponse(view.describe_video(entry) | view.describe_frames(library.share_video(entry.path)))

    def read_frame(self, request: Request) -> Response:
        """Return a frame of a video or a run as JPEG."""
        library, kind, id_ = self._studio.library, request.path_params["kind"], request.path_params["id"]
        if kind not in ("videos", "runs"):
            return JSONResponse({"error": "no such page"}, 404)
        own = library.share_video(library.get_video(id_).path) if kind == "videos" else None
        shared = own or library.share_run_video(library.get_run(id_))
        return make_image(self._studio.images.get_frame(shared, request.path_params["frame"], get_number(request, "w", 960)))

    def read_run(self, request: Request) -> Response:
        """Return what the page shows of a run."""
        return JSONResponse(self._studio.describe_run(self._get_run(request)))

    def read_run_video(self, request: Request) -> Response:
        """Return the size and the times of a run's video, without its result: the page shows a frame first."""
        return JSONResponse(view.describe_frames(self._studio.share_checked_video(self._get_run(request))))

    def read_masks(self, request: Request) -> Response:
        """Return the run-length masks of some frames of a run."""
        first = get_number(request, "from", 0)
        last = min(get_number(request, "to", first), first + MAX_MASK_FRAMES - 1)
        return JSONResponse(view.list_masks(self._studio.require_result(self._get_run(request)), first, last))

    def read_thumbnail(self, request: Request) -> Response:
        """Return a small image of an object."""
        run, number = self._get_run(request), request.path_params["object"]
        tracks = self._studio.require_result(run).tracks
        if not 1 <= number <= len(tracks):
            raise InputError(f"expected an object from 1 to {len(tracks)}, got {number}")
        return make_image(view.draw_thumbnail(self._studio.library.share_run_video(run), tracks[number - 1], number))

    def read_candidate(self, request: Request) -> Response:
        """Return a small image of a candidate."""
        return make_image(self._studio.draw_candidate(request.path_params["id"], request.path_params["index"]))

    def start_prepare(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Load the models of a run, and compute what they need of a frame, so that a click is quick."""
        self._studio.prepare(request.path_params["id"], body)
        return JSONResponse({})

    def read_preview(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Return the mask that points would give, of one frame; nothing is written."""
        return JSONResponse({"counts": self._studio.preview(request.path_params["id"], body)})

    def start_edit(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Start a correction."""
        return JSONResponse(self._studio.edit(request.path_params["id"], body).to_dict())

    def start_ask(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Start a run."""
        return JSONResponse(self._studio.ask(request.path_params["id"], body).to_dict())

    def start_resume(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Complete a run that was interrupted."""
        return JSONResponse(self._studio.resume(request.path_params["id"]).to_dict())

    def read_forecast(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Return what a run may cost."""
        return JSONResponse({"forecast": self._studio.forecast(request.path_params["id"], body)})

    def start_export(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Export a run."""
        return JSONResponse(self._studio.export(request.path_params["id"], body).to_dict())

    def read_export(self, request: Request) -> Response:
        """Return an export as a file; a folder becomes a ZIP archive."""
        path = self._studio.find_export(request.path_params["id"], request.path_params["name"])
        if path.is_file():
            return FileResponse(path, filename=path.name)
        with NamedTemporaryFile(suffix=".zip", delete=False) as file, ZipFile(file, "w") as archive:
            for each in sorted(path.rglob("*")):
                archive.write(each, each.relative_to(path.parent))
        return FileResponse(file.name, filename=f"{path.name}.zip", background=BackgroundTask(Path(file.name).unlink))

    async def store_upload(self, request: Request) -> Response:
        """Store an uploaded audio file, if uploads are allowed."""
        most = self._studio.max_upload
        if not most:
            return JSONResponse({"error": "uploads are off; allow them: alref studio --uploads MB"}, 403)
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > most:
                return JSONResponse({"error": f"expected at most {most // 10**6} MB"}, 413)
        name = request.query_params.get("name", "")
        return JSONResponse({"spoken": await run_in_threadpool(self._studio.store_upload, name, bytes(content))})

    def cancel_jobs(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Cancel what runs."""
        self._studio.worker.cancel()
        return JSONResponse({})

    def _get_run(self, request: Request) -> OpenedRun:
        return self._studio.library.get_run(request.path_params["id"])


def build_application(studio: Studio) -> Starlette:
    """Return the application of the page; who may use it is checked before (``AccessGuard``)."""
    return Starlette(routes=StudioRoutes(studio).list_routes(), exception_handlers={AlrefError: report_error})


def accept(handle: Callable[[Request, Mapping[str, Any]], Response]) -> Callable[[Request], Any]:
    """Return an endpoint that reads a JSON object of bounded size and handles it in a thread."""

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return JSONResponse({"error": "expected application/json"}, 415)
        if int(request.headers.get("content-length", MAX_BODY_BYTES + 1)) > MAX_BODY_BYTES:
            return JSONResponse({"error": f"expected at most {MAX_BODY_BYTES} bytes"}, 413)
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return JSONResponse({"error": "expected a JSON object"}, 400)
        return await run_in_threadpool(handle, request, body)

    return endpoint


def report_error(request: Request, error: Exception) -> Response:
    """Return an error of alref as JSON: what the command line prints."""
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, WorkerBusyError) else 422)


def make_image(data: bytes) -> Response:
    """Return a JPEG, which the browser keeps: its address has a version."""
    return Response(data, media_type="image/jpeg", headers=FOREVER)


def get_number(request: Request, name: str, default: int) -> int:
    """Return a number of the query. Raises InputError."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InputError(f"{name}: expected a number, got {text!r:.20}")
    return int(text)
