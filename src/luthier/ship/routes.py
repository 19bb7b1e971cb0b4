"""The routes: OpenAI's API over the room, classes, health, figures, changes while serving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse

from .ask import Wish
from .asked import BROKEN, Asked, Wanted
from .body import Fault
from .desk import Desk
from .openai import AddRequest, ChatRequest, ClassifyRequest, CompletionRequest, Sampling
from .page import page_of
from .served import trials_in
from .shapes import ChatCompletion, Classification, Completion, Model, ModelList
from .told import Told, event, model_facts, usage


def answering(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/completions", response_model=Completion)
    async def completions(wanted: CompletionRequest, request: Request) -> Response:
        served = desk.served(wanted.model, request)
        examples = [served.asked(row) for row in wanted.rows]
        asked = await desk.asks(Wanted(served, examples, wanted.wish(served.most), wanted.choices), request)
        return await _answer(wanted, asked, Told(served, chat=False))

    @app.post("/v1/chat/completions", response_model=ChatCompletion)
    async def chat(wanted: ChatRequest, request: Request) -> Response:
        served = desk.served(wanted.model, request)
        example = served.asked_chat([message.turn for message in wanted.messages])
        asked = await desk.asks(Wanted(served, [example], wanted.wish(served.most), wanted.choices), request)
        return await _answer(wanted, asked, Told(served, chat=True))

    @app.post("/v1/classify", response_model=Classification)
    async def classify(wanted: ClassifyRequest, request: Request) -> Response:
        served = desk.served(wanted.model, request)
        if served.task.kind != "label":
            raise Fault(400, f"{served.name} writes text, it chooses no label.", "not_a_classifier", param="model")
        examples = [served.asked(row) for row in wanted.rows]
        asks = await (await desk.asks(Wanted(served, examples, Wish(1)), request)).all()
        data = [{"index": i, "label": a.text, "probabilities": a.shares} for i, a in enumerate(asks)]
        facts = Told(served, chat=False).facts
        return JSONResponse({**facts, "object": "list", "data": data, "usage": usage(asks)})


def looking(app: FastAPI, desk: Desk) -> None:
    @app.get("/v1/models", response_model=ModelList)
    async def models() -> Response:
        return JSONResponse({"object": "list", "data": [model_facts(s) for s in list(desk.room.served.values())]})

    @app.get("/v1/models/{name}", response_model=Model)
    async def model(name: str, request: Request) -> Response:
        return JSONResponse(model_facts(desk.served(name, request)))

    @app.get("/livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """Does the thread that owns the model live?"""
        return PlainTextResponse("yes\n", 200 if desk.owner.is_alive() else 503)

    @app.get("/health", response_class=PlainTextResponse)
    @app.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> Response:
        """May requests come now?"""
        return PlainTextResponse("yes\n", 200) if desk.ready else PlainTextResponse("no\n", 503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        here, waiting = desk.room.load
        now = {"luthier_rows_running": here, "luthier_rows_waiting": waiting, "luthier_models": len(desk.room.served)}
        return PlainTextResponse(desk.gauges.text(now), media_type="text/plain; version=0.0.4")

    @app.get("/docs", response_class=HTMLResponse)
    async def docs() -> Response:
        """This page: nothing of it comes from elsewhere."""
        return HTMLResponse(page_of(app.openapi()))


def changing(app: FastAPI, desk: Desk) -> None:
    @app.get("/admin/models", response_model=list[str])
    async def addable() -> Response:
        """Names of the finished trials that may be added."""
        return JSONResponse(sorted(set(trials_in(desk.root)) - set(desk.room.served)))

    @app.post("/admin/models", response_model=Model)
    async def add(wanted: AddRequest) -> Response:
        return JSONResponse(model_facts(await desk.add(wanted.name)))

    @app.delete("/admin/models/{name}", status_code=204, response_class=Response)
    async def remove(name: str, request: Request) -> Response:
        desk.served(name, request)
        await desk.remove(name)
        return Response(status_code=204)


async def _answer(wanted: Sampling, asked: Asked, told: Told) -> Response:
    if not wanted.stream:
        return JSONResponse(told.whole(await asked.all()))
    counted = bool(wanted.stream_options and wanted.stream_options.include_usage)
    return StreamingResponse(
        _pieces(asked, told, counted), media_type="text/event-stream", headers={"cache-control": "no-cache"}
    )


async def _pieces(asked: Asked, told: Told, counted: bool) -> AsyncIterator[str]:
    shown = [""] * len(asked.asks)
    if told.chat:
        for which in range(len(shown)):
            yield told.opening(which)
    async with aclosing(asked.news()) as news:  # closed with the client, not when somebody collects it
        async for which, text, ended in news:
            if ended in BROKEN:
                yield event(Fault(*BROKEN[ended]).answer)
                return
            if len(text) > len(shown[which]) and text.startswith(shown[which]):
                yield told.piece(which, text[len(shown[which]) :])
                shown[which] = text
            if ended:
                yield told.piece(which, None, ended)
    if counted:
        yield told.counted(asked.asks)
    yield "data: [DONE]\n\n"
