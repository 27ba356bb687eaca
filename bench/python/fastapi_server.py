"""The peer fastapi: the side-car that one would write, one process, on a Unix socket.

Asynchronous handlers, because they are quicker here: one that is not runs on another thread.
"""

import sys
from socket import socket

import bench_model
import lifeline
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Addition(BaseModel):
    a: int
    b: int


class Row(BaseModel):
    row: list[float]


class Answer(BaseModel):
    label: int
    confidence: float


@app.post("/add")
async def add(addition: Addition) -> int:
    return addition.a + addition.b


def serve_model() -> None:
    model = bench_model.train()

    @app.post("/classify")
    async def classify(row: Row) -> Answer:
        return Answer.model_validate(model.classify(row.row))


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


def main(path: str) -> None:
    lifeline.hold()
    serve_model()
    Server(uvicorn.Config(app, uds=path, access_log=False, log_level="warning")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
