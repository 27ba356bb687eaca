import asyncio
import json
from contextlib import aclosing
from typing import Any

import dspy
import pytest
from dspy_programs import ASK, BOOL, DEMO, FLOAT, STR, TEXTS, literal, program
from openai_server import chat_answer, openai_server

from snakepit_bridge import BridgeError
from snakepit_bridge.dspy import Predictor, commands, stream_prediction

TRIAGE = program(
    {"text": STR},
    {"label": literal("bug", "question"), "sure": FLOAT, "open": BOOL, "names": TEXTS, "note": STR},
    module="ChainOfThought",
)


Collected = tuple[dict[str, list[str]], dict[str, Any]]


async def collect(predictor: Predictor, *args: object) -> Collected:
    deltas: dict[str, list[str]] = {}
    final: dict[str, Any] = {}
    async for chunk in stream_prediction(predictor.prepare(*args)):
        assert not final, "the prediction is the last chunk"
        if "final" in chunk:
            final = chunk["final"]
        else:
            deltas.setdefault(chunk["field"], []).append(chunk["delta"])
    return deltas, final


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("adapter", ["chat", "json", "xml"])
def test_deltas_add_up_to_the_final_value_of_every_field(adapter: str) -> None:
    text = 'It says "[[ ## broken ## ]]" & <fails> when Ana Lopez opens it.\nAgain and again \\n.'
    deltas, final = asyncio.run(collect(Predictor(), TRIAGE, {"text": text}, DEMO, adapter))
    assert {name: "".join(parts) for name, parts in deltas.items()} == {
        name: as_text(value) for name, value in final["outputs"].items()
    }
    assert len(deltas["reasoning"]) > 3
    assert len(deltas["label"]) == len(deltas["names"]) == 1
    if adapter != "xml":  # there, lists and objects are known when the answer is complete
        assert list(deltas) == list(final["outputs"])
    assert final["usage"]["outputTokens"] > 0


@pytest.mark.parametrize("adapter", ["chat", "json", "xml"])
def test_a_stream_ends_with_what_a_call_returns(adapter: str) -> None:
    async def run() -> None:
        predictor = Predictor()
        call = predictor.prepare(TRIAGE, {"text": "Why does it crash?"}, DEMO, adapter)
        _, final = await collect(predictor, TRIAGE, {"text": "Why does it crash?"}, DEMO, adapter)
        assert final == await predictor.predict(call)

    asyncio.run(run())


def test_twenty_streams_at_once_do_not_mix() -> None:
    async def run() -> None:
        predictor = Predictor()
        found = await asyncio.gather(
            *(
                collect(predictor, ASK, {"question": f"{n} + 1000"}, DEMO, ("chat", "xml")[n % 2])
                for n in range(20)
            )
        )
        assert ["".join(deltas["answer"]) for deltas, _ in found] == [
            str(n + 1000) for n in range(20)
        ]

    asyncio.run(run())


def test_text_arrives_over_http_as_the_model_writes_it() -> None:
    async def run() -> None:
        text = "Paris [[ maybe ]] — 😀"
        async with openai_server(some=chat_answer(answer=text)) as server:
            deltas, final = await collect(
                Predictor(), ASK, {"question": "?"}, server.lm("some"), "chat"
            )
            assert server.requests[0]["stream"] is True
            assert final["outputs"] == {"answer": text}
            assert "".join(deltas["answer"]) == text
            assert len(deltas["answer"]) > 3

    asyncio.run(run())


def test_leaving_a_stream_hangs_up_on_the_model() -> None:
    async def run() -> None:
        async with openai_server() as server:
            call = Predictor().prepare(ASK, {"question": "?"}, server.lm("silent"))
            async with aclosing(stream_prediction(call)) as chunks:
                first = asyncio.create_task(anext(chunks))
                await server.arrived.wait()
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
            await asyncio.wait_for(server.hung_up.wait(), 10)

    asyncio.run(run())


def test_a_slow_reader_slows_the_model_and_may_leave_in_the_middle() -> None:
    async def run() -> None:
        before = asyncio.all_tasks()
        # Far more deltas than wait for a reader.
        long = program({"text": STR}, {"summary": STR})
        inputs = {"text": " ".join(f"Point {n} of the plan is point {n}." for n in range(200))}
        chunks = stream_prediction(Predictor().prepare(long, inputs, DEMO))
        assert (await anext(chunks))["field"] == "summary"
        await chunks.aclose()
        assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_an_error_ends_a_stream_as_it_ends_a_call() -> None:
    async def run() -> None:
        async with openai_server(broken="no headers at all") as server:
            for model, code in {"status-401": "MODEL_AUTH", "broken": "OUTPUT_INVALID"}.items():
                with pytest.raises(BridgeError) as failed:
                    await collect(Predictor(), ASK, {"question": "?"}, server.lm(model), "chat")
                assert failed.value.code == code

    asyncio.run(run())


def test_nothing_of_a_call_is_seen_by_the_reader_of_its_stream() -> None:
    async def run() -> None:
        async for _ in stream_prediction(Predictor().prepare(ASK, {"question": "1 + 1"}, DEMO)):
            assert dspy.settings.lm is None

    asyncio.run(run())


def test_the_command_streams_and_answers() -> None:
    async def run() -> None:
        reply = await commands.predict(ASK, {"question": "2 + 3"}, DEMO)
        chunks = [
            chunk async for chunk in commands.predict_stream(ASK, {"question": "2 + 3"}, DEMO)
        ]
        assert chunks[-1] == {"final": reply}

    asyncio.run(run())
