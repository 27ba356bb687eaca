import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.clients.base_lm import GLOBAL_HISTORY
from dspy_programs import (
    ASK,
    BOOL,
    DEMO,
    FLOAT,
    INT,
    STR,
    TEXTS,
    listing,
    literal,
    optional,
    program,
    record,
)
from openai_server import chat_answer, openai_server

from snakepit_bridge import BridgeError
from snakepit_bridge.dspy import Predictor


async def ask(predictor: Predictor, *args: object) -> dict[str, Any]:
    return await predictor.predict(predictor.prepare(*args))


def predict(
    spec: dict[str, Any], inputs: dict[str, Any], lm: dict[str, Any] = DEMO, adapter: str = "chat"
) -> dict[str, Any]:
    return asyncio.run(ask(Predictor(), spec, inputs, lm, adapter))


def test_an_answer_comes_with_what_it_used() -> None:
    reply = predict(ASK, {"question": "What is 17 * 3?"})
    assert reply["outputs"] == {"answer": "51"}
    assert reply["usage"]["model"] == "demo"
    assert reply["usage"]["inputTokens"] > reply["usage"]["outputTokens"] > 0


@pytest.mark.parametrize("adapter", ["chat", "json", "xml"])
def test_every_type_comes_back_as_a_plain_value(adapter: str) -> None:
    person = record("Person", name=STR, age=optional(INT))
    spec = program(
        {"text": STR},
        {
            "people": listing(person),
            "emails": TEXTS,
            "tone": literal("positive", "negative", "neutral"),
            "confidence": FLOAT,
            "word_count": INT,
            "is_positive": BOOL,
            "due": {"kind": "date"},
            "phone": optional(STR),
            "pair": {"kind": "tuple", "items": [STR, INT]},
            "tags": {"kind": "set", "items": STR},
        },
        module="ChainOfThought",
    )
    text = "Anna Berg is 34 and happy with it. Mail anna@example.org before 3 May 2024."
    outputs = predict(spec, {"text": text}, adapter=adapter)["outputs"]
    assert outputs["people"] == [{"name": "Anna Berg", "age": 34}]
    assert outputs["emails"] == ["anna@example.org"]
    assert outputs["tone"] == "positive"
    assert outputs["due"] == "2024-05-03"
    assert outputs["phone"] is None
    types = {name: type(value) for name, value in outputs.items()}
    expected = {"reasoning": str, "confidence": float, "word_count": int, "is_positive": bool}
    assert {name: types[name] for name in expected} == expected
    assert types["pair"] is list
    assert types["tags"] is list


def test_inputs_are_checked_before_a_model_is_asked() -> None:
    spec = program({"text": STR, "limit": INT, "kind": literal("a", "b")}, {"answer": STR})
    good = {"text": "x", "limit": 3, "kind": "a"}
    assert predict(spec, good)["outputs"]
    for path, inputs in {
        "inputs.text": {"limit": 3, "kind": "a"},
        "inputs.limit": {**good, "limit": "many"},
        "inputs.kind": {**good, "kind": "c"},
        "inputs.other": {**good, "other": 1},
    }.items():
        with pytest.raises(BridgeError) as refused:
            predict(spec, inputs)
        assert refused.value.code == "INVALID_ARGUMENT"
        assert (refused.value.details or {})["path"] == path


SETTINGS: list[tuple[str, object]] = [
    ("lm", None),
    ("lm", {"model": "demo", "apikey": "sk-secret-key"}),
    ("lm.model", {"model": ""}),
    ("lm.model", {"model": "openai/"}),
    ("lm.apiBase", {"model": "demo", "apiBase": "user:sk-secret-key@host"}),
    ("lm.apiBase", {"model": "demo", "apiBase": "http://user:sk-secret-key@host/v1"}),
    ("lm.apiBase", {"model": "demo", "apiBase": "http://host:port"}),
    ("lm.apiKey", {"model": "demo", "apiKey": 12345}),
    ("lm.temperature", {"model": "demo", "temperature": -1}),
    ("lm.maxTokens", {"model": "demo", "maxTokens": 1.5}),
    ("lm.timeoutMs", {"model": "demo", "timeoutMs": 0}),
    ("lm.cache", {"model": "demo", "cache": "yes"}),
]


@pytest.mark.parametrize(("path", "settings"), SETTINGS)
def test_settings_of_a_model_are_checked_and_no_secret_is_shown(
    path: str, settings: object
) -> None:
    with pytest.raises(BridgeError) as refused:
        Predictor().prepare(ASK, {"question": "?"}, settings)
    assert (refused.value.details or {})["path"] == path
    assert "sk-secret-key" not in f"{refused.value} {refused.value.details}"


def test_forty_calls_at_once_keep_their_models_adapters_and_usage_apart() -> None:
    async def run() -> None:
        answers = {f"m{n}": chat_answer(answer=f"answer {n}") for n in range(40)}
        async with openai_server(**answers) as server:
            predictor = Predictor()

            async def call(number: int) -> dict[str, Any]:
                adapter = ("chat", "json", "xml")[number % 3]
                if number % 3:
                    return await ask(predictor, ASK, {"question": f"{number} + 0"}, DEMO, adapter)
                lm = server.lm(f"m{number}", temperature=number / 40)
                return await ask(predictor, ASK, {"question": f"{number}?"}, lm, adapter)

            replies = await asyncio.gather(*map(call, range(40)))
            for number, reply in enumerate(replies):
                if number % 3:
                    assert reply["outputs"] == {"answer": str(number)}
                    assert reply["usage"]["model"] == "demo"
                else:
                    assert reply["outputs"] == {"answer": f"answer {number}"}
                    expected = {"model": f"openai/m{number}", "inputTokens": 11, "outputTokens": 7}
                    assert reply["usage"] == expected
            sent = {body["model"]: body["temperature"] for body in server.requests}
            assert sent == {f"m{n}": n / 40 for n in range(0, 40, 3)}

    asyncio.run(run())
    assert "litellm" not in sys.modules


def test_settings_reach_the_model_and_its_key_only_the_header() -> None:
    async def run() -> None:
        async with openai_server(some=chat_answer(answer="yes")) as server:
            lm = server.lm("some", temperature=0.5, maxTokens=77, timeoutMs=20_000)
            await ask(Predictor(), ASK, {"question": "?"}, lm)
            body, headers = server.requests[0], server.headers[0]
            assert body["temperature"] == 0.5
            assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
            assert headers["authorization"] == "Bearer sk-secret-key"
            # A key in the environment belongs to another endpoint.
            os.environ["OPENAI_API_KEY"] = "sk-of-somebody-else"
            try:
                del lm["apiKey"]
                await ask(Predictor(), ASK, {"question": "?"}, lm)
            finally:
                del os.environ["OPENAI_API_KEY"]
            assert "sk-of-somebody-else" not in str(server.headers)

    asyncio.run(run())


def test_calls_with_different_time_limits_share_one_model() -> None:
    predictor = Predictor()
    for limit in (1_000, 2_000, 3_000):
        predictor.prepare(ASK, {"question": "?"}, {**DEMO, "timeoutMs": limit})
    assert len(predictor.models) == 1


def test_models_that_nobody_uses_fall_out() -> None:
    predictor = Predictor()
    for number in range(100):
        predictor.prepare(ASK, {"question": "?"}, {"model": f"openai/m{number}"})
    assert len(predictor.models) == 64


def test_a_cancelled_call_hangs_up_on_the_model() -> None:
    async def run() -> None:
        async with openai_server() as server:
            call = asyncio.create_task(
                ask(Predictor(), ASK, {"question": "?"}, server.lm("silent"))
            )
            await server.arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(server.hung_up.wait(), 10)

    asyncio.run(run())


def test_many_calls_leave_nothing_behind() -> None:
    async def run() -> None:
        predictor = Predictor()
        call = predictor.prepare(ASK, {"question": "1 + 1"}, DEMO)
        for _ in range(10):
            await predictor.predict(call)
        gc.collect()
        before, told = len(gc.get_objects()), len(GLOBAL_HISTORY)
        traced = len(dspy.settings.trace or [])
        for _ in range(200):
            await predictor.predict(call)
        gc.collect()
        assert len(gc.get_objects()) - before < 200
        assert call.program.module.history == []
        assert call.lm.history == []
        assert len(GLOBAL_HISTORY) == told
        assert len(dspy.settings.trace or []) == traced
        # Nothing was configured for the process either.
        assert dspy.settings.lm is None

    asyncio.run(run())


def test_importing_it_starts_no_thread_and_opens_no_cache(tmp_path: Path) -> None:
    script = """
import os, sys, threading
import snakepit_bridge.dspy, dspy
assert threading.active_count() == 1, threading.enumerate()
assert "OPENAI_BASE_URL" not in os.environ and "OPENAI_API_BASE" not in os.environ
assert os.environ["DSPY_CACHEDIR"] == os.environ["XDG_CACHE_HOME"] + "/snakepit/dspy"
assert not os.path.exists(os.environ["DSPY_CACHEDIR"])
assert "litellm" not in sys.modules
loaded = set(sys.modules)
import asyncio
predictor = snakepit_bridge.dspy.Predictor()
field = lambda name: {"name": name, "type": {"kind": "str"}}
signature = {"inputs": [field("question")], "outputs": [field("answer")]}
spec = {"module": "ChainOfThought", "signature": signature}
async def run():
    for adapter in ("chat", "json", "xml"):
        call = predictor.prepare(spec, {"question": "1 + 1"}, {"model": "demo"}, adapter)
        await predictor.predict(call)
        async for _ in snakepit_bridge.dspy.stream_prediction(call):
            pass
asyncio.run(run())
print(sorted(set(sys.modules) - loaded))
"""
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": "http://example.org",
        "OPENAI_API_BASE": "http://example.org",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    environment.pop("DSPY_CACHEDIR", None)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]", "imports that the first call still pays for"
