"""A real gateway over a real store, a model behind what is tested, and decisions put in and taken out."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from examples.closed_loop.forum import free_port
from stillwatch.domain.decision import Decision, new_id
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests.servers import answering, end, eventually, serving

COMMAND = [sys.executable, "-m", "stillwatch"]


@dataclass
class Guarded:
    """A gateway as a process of its own, over a store that tests write to."""

    folder: Path
    port: int
    grpc_port: int
    running: subprocess.Popen[bytes] | None = None
    """None while it is down."""
    standing: list[Decision] = field(default_factory=list)
    """What was put and not lifted."""

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'store.db'}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.token_file.read_text().split()[0]

    @property
    def token_file(self) -> Path:
        return self.folder / "decide.token"

    def put(self, effect: str, value: str, scope: str = "account", **more: Any) -> Decision:
        """Make a decision by hand, and wait until it is in force."""
        now = datetime.now(UTC).replace(microsecond=0)
        if effect == "throttle":
            more.setdefault("rate", {"per_minute": 60})
        made = Decision.of(
            {
                "id": new_id(), "effect": effect, "scope": scope, "value": value,
                "reason": "THE REASON", "evidence": ["case:test"], "origin": "person:tester",
                "made": now.timestamp(), "until": (now + timedelta(hours=1)).timestamp(), **more,
            }
        )  # fmt: skip
        store = Store(self.store)
        with store.begin() as connection:
            decisions.add(connection, [made], by="tester", now=now)
            newest = decisions.newest(connection)
        store.close()
        self.known(newest)
        self.standing.append(made)
        return made

    def lift(self, made: Decision) -> None:
        """Take a decision back, and wait until that is in force."""
        store = Store(self.store)
        with store.begin() as connection:
            decisions.lift(connection, made.id, by="tester", reason="test", now=datetime.now(UTC))
            newest = decisions.newest(connection)
        store.close()
        self.known(newest)
        self.standing.remove(made)

    def clear(self) -> None:
        """Lift what a test left."""
        for made in list(self.standing):
            self.lift(made)

    def known(self, seq: int) -> None:
        """Wait until the gateway knows the stream up to a number, if it runs."""
        if self.running is not None:
            eventually(lambda: self.state().get("sequence", -1) >= seq)

    def state(self) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}"}
        return dict(httpx.get(f"{self.url}/readyz", headers=headers, trust_env=False).json())

    def start(self) -> None:
        """Begin to answer, on the same ports as before."""
        ports = ("--port", str(self.port), "--grpc-port", str(self.grpc_port))
        command = [
            *COMMAND,
            "gateway",
            "serve",
            "--config",
            str(self.folder / "gateway.toml"),
            *ports,
        ]
        log = self.folder / "gateway.log"
        with log.open("ab") as out:
            self.running = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)
        answering(self.port, self.running, log)
        answering(self.grpc_port, self.running, log)

    def stop(self) -> None:
        """Be gone."""
        if self.running is not None:
            end(self.running)
        self.running = None

    @contextmanager
    def down(self) -> Iterator[None]:
        """While the gateway is not there."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """While the gateway takes connections and answers nothing."""
        children = psutil.Process(self.running.pid).children(recursive=True)
        everyone = [psutil.Process(self.running.pid), *children]
        for one in everyone:
            one.suspend()
        try:
            yield
        finally:
            for one in everyone:
                one.resume()


@contextmanager
def guarded(folder: Path) -> Iterator[Guarded]:
    """A gateway as its commands set it up."""
    found = Guarded(folder, free_port(), free_port())
    Store(found.store).close()
    init = [*COMMAND, "gateway", "init", "--store", found.store]
    subprocess.run(init, cwd=folder, check=True, capture_output=True)
    settings = folder / "gateway.toml"
    settings.write_text(settings.read_text().replace("poll_s = 0.5", "poll_s = 0.1"))
    found.start()
    try:
        yield found
    finally:
        found.stop()


@dataclass
class Model:
    """A model API as OpenAI's and Anthropic's are, which remembers what it was asked."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    running: int = 0
    most_running: int = 0
    going: threading.Event = field(default_factory=threading.Event)
    """Requests that say ``wait`` are answered when it is set."""

    def app(self) -> FastAPI:
        made = FastAPI()
        made.post("/v1/chat/completions")(self.chat)
        made.post("/chat/completions")(self.chat)
        made.post("/v1/messages")(self.messages)
        made.post("/v1/responses")(self.responses)
        return made

    async def chat(self, request: Request) -> Response:
        body = await self._asked(request)
        if "fail" in json.dumps(body["messages"]):
            return JSONResponse({"error": {"message": "on purpose", "type": "x"}}, 500)
        if body.get("stream"):
            return StreamingResponse(self._chunks(body), media_type="text/event-stream")
        await self._waited(body)
        message = {"role": "assistant", "content": "four", "reasoning_content": "SECRET"}
        choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": LOGPROBS}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        said = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
        return JSONResponse({**said, "choices": [choice]})

    async def messages(self, request: Request) -> Response:
        body = await self._asked(request)
        if body.get("stream"):
            text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in ANTHROPIC)
            return Response(text, media_type="text/event-stream")
        content = [{"type": "thinking", "thinking": "SECRET", "signature": "SECRET"}, TEXT]
        said = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
        usage = {"input_tokens": 1, "output_tokens": 1}
        return JSONResponse({**said, "content": content, "stop_reason": "end_turn", "usage": usage})

    async def responses(self, request: Request) -> Response:
        body = await self._asked(request)
        reasoning = {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": "SECRET"}],
        }
        part = {"type": "output_text", "text": "four", "annotations": [], "logprobs": []}
        message = {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        said = {
            "id": "r",
            "object": "response",
            "created_at": 1,
            "model": "m",
            "status": "completed",
        }
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage}
        whole = {**said, **rest, "output": [reasoning, message]}
        if not body.get("stream"):
            return JSONResponse(whole)
        place = {"item_id": "m", "output_index": 1, "content_index": 0}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, "summary": []}},
            {"type": "response.reasoning_summary_text.delta", "item_id": "rs", "output_index": 0,
             "summary_index": 0, "delta": "SECRET"},
            {"type": "response.output_item.done", "output_index": 0, "item": reasoning},
            {"type": "response.output_item.added", "output_index": 1, "item": {**message, "content": []}},
            {"type": "response.output_text.delta", "delta": "four", "logprobs": [], **place},
            {"type": "response.output_text.done", "text": "four", "logprobs": [], **place},
            {"type": "response.output_item.done", "output_index": 1, "item": message},
            {"type": "response.completed", "response": whole},
        ]  # fmt: skip
        numbered = [{"sequence_number": number, **event} for number, event in enumerate(events)]
        text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in numbered)
        return Response(text, media_type="text/event-stream")

    async def _asked(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        self.seen.append({"body": body, "headers": dict(request.headers)})
        return body

    async def _waited(self, body: dict[str, Any]) -> None:
        if "wait" in json.dumps(body["messages"]):
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                while not self.going.is_set():
                    await asyncio.sleep(0.01)
            finally:
                self.running -= 1

    async def _chunks(self, body: dict[str, Any]) -> AsyncIterator[str]:
        deltas = [
            {"role": "assistant", "content": ""},
            {"reasoning_content": "SECRET"},
            {"content": "four"},
        ]
        for delta in deltas:
            yield _chunk(delta, logprobs=LOGPROBS if delta.get("content") else None)
        await self._waited(body)
        yield _chunk({}, finish_reason="stop") + "data: [DONE]\n\n"


@contextmanager
def modelling() -> Iterator[Model]:
    """A model that answers."""
    model = Model()
    with serving(model.app()) as model.url:
        yield model


@contextmanager
def streaming(client: httpx.Client, **request: Any) -> Iterator[Iterator[bytes]]:
    """The pieces of an answer, once there is a place: one is given back a moment after its answer."""
    opened: list[httpx.Response] = []

    def asked() -> bool:
        sent = client.build_request("POST", "/v1/chat/completions", **request)
        answer = client.send(sent, stream=True)
        if answer.status_code != 200:
            answer.close()
            return False
        opened.append(answer)
        return True

    eventually(asked)
    try:
        yield opened[0].iter_raw()
    finally:
        opened[0].close()


TEXT = {"type": "text", "text": "four"}
LOGPROBS = {"content": [{"token": "four", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
ANTHROPIC: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m",
                                          "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "SECRET"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "four"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]  # fmt: skip


def _chunk(delta: dict[str, Any], **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": None, **more}
    said = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**said, 'choices': [choice]})}\n\n"
