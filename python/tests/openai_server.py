"""A server on the loopback that speaks the OpenAI chat format. What it does is chosen by the name
of the model, so that a test reads like the failure it is about."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Handler = Any


@dataclass
class OpenAIServer:
    """`answers` maps a model to the text it answers. Other models: `status-<n>` fails with that
    status, `silent` accepts a request and never answers."""

    answers: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def lm(self, model: str, **settings: object) -> dict[str, Any]:
        return {
            "model": f"openai/{model}",
            "apiBase": f"http://127.0.0.1:{self.port}/v1",
            "apiKey": "sk-secret-key",
            **settings,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await self._read(reader)) is not None:
                self.requests.append(body)
                self.arrived.set()
                await self._answer(body, reader, writer)
        except ConnectionError:
            pass  # the client has gone, which some tests are about
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> dict[str, Any] | None:
        line = await reader.readline()
        if not line:
            return None
        headers: dict[str, str] = {}
        while (header := (await reader.readline()).decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        self.headers.append(headers)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return dict(json.loads(body))

    async def _answer(
        self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        model = body["model"]
        if model == "silent":
            # Nothing more comes from a client that waits, so an end here is its hanging up.
            await reader.read(1)
            self.hung_up.set()
            raise ConnectionResetError
        if model.startswith("status-"):
            status = int(model.removeprefix("status-"))
            error = {"message": "the server says no to sk-secret-key", "type": "test", "code": None}
            if status == 413:
                status, error["code"] = 400, "context_length_exceeded"
            await _send(writer, status, {"error": error})
        elif body.get("stream"):
            await _send_stream(writer, model, self.answers[model])
        else:
            await _send(writer, 200, _completion(model, self.answers[model]))


@asynccontextmanager
async def openai_server(**answers: str) -> AsyncIterator[OpenAIServer]:
    double = OpenAIServer(answers=answers)
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()


def chat_answer(**values: str) -> str:
    """As a model answers under DSPy's Chat adapter."""
    sections = [f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()]
    return "\n\n".join([*sections, "[[ ## completed ## ]]"])


def _completion(model: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


async def _send(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
    payload = json.dumps(body).encode()
    retry = "retry-after: 7\r\n" if status == 429 else ""
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{retry}"
    writer.write(f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload)
    await writer.drain()


async def _send_stream(writer: asyncio.StreamWriter, model: str, text: str) -> None:
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    writer.write(head.encode())
    # Three characters at a time: headers and escapes arrive in pieces.
    for start in range(0, len(text), 3):
        delta = {"index": 0, "delta": {"content": text[start : start + 3]}, "finish_reason": None}
        await _send_event(writer, model, [delta])
    await _send_event(writer, model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    await _send_chunk(writer, b"data: [DONE]\n\n")
    await _send_chunk(writer, b"")


async def _send_event(writer: asyncio.StreamWriter, model: str, choices: list[Any]) -> None:
    event = {"id": "c", "object": "chat.completion.chunk", "model": model, "choices": choices}
    await _send_chunk(writer, f"data: {json.dumps(event)}\n\n".encode())


async def _send_chunk(writer: asyncio.StreamWriter, payload: bytes) -> None:
    writer.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")
    await writer.drain()
