"""The desk's page and its files: static, French, no build step. What they say to the server is in ``docs/desk.md``."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


def add_pages(app: FastAPI) -> None:
    """Serve ``/desk/`` and the files that it needs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/desk")
    async def without_slash() -> Response:
        return RedirectResponse("/desk/", 308)

    @router.get("/desk/")
    async def page() -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    app.include_router(router)
    app.mount("/desk/static", StaticFiles(directory=STATIC), name="desk-static")
