import asyncio
import os
import socket
import subprocess
import sys
from typing import Any

import pytest
from dspy_programs import ASK, INT, STR, program
from openai_server import chat_answer, openai_server

from snakepit_bridge import BridgeError
from snakepit_bridge.dspy import Predictor
from snakepit_bridge.dspy.errors import bridge_error
from snakepit_bridge.errors import NotBegunError


async def failure(
    lm: dict[str, Any], spec: dict[str, Any] = ASK, adapter: str = "chat"
) -> BridgeError:
    predictor = Predictor()
    with pytest.raises(BridgeError) as failed:
        await predictor.predict(predictor.prepare(spec, {"question": "?"}, lm, adapter))
    assert "sk-secret-key" not in f"{failed.value} {failed.value.details}"
    return failed.value


def details_of(error: BridgeError) -> dict[str, Any]:
    return error.details or {}


STATUSES = [
    (401, "MODEL_AUTH"),
    (403, "MODEL_AUTH"),
    (429, "MODEL_RATE_LIMITED"),
    (400, "MODEL_REFUSED"),
    (402, "MODEL_REFUSED"),
    (404, "MODEL_REFUSED"),
    (413, "CONTEXT_TOO_LONG"),
    (500, "MODEL_UNREACHABLE"),
    (503, "MODEL_UNREACHABLE"),
    (504, "TIMEOUT"),
]


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_what_a_provider_answers_becomes_a_code(status: int, code: str) -> None:
    async def run() -> None:
        async with openai_server() as server:
            error = await failure(server.lm(f"status-{status}"))
            assert error.code == code
            details = details_of(error)
            assert details["model"] == f"openai/status-{status}"
            assert details["endpoint"] == f"http://127.0.0.1:{server.port}/v1"
            assert details["status"] == (400 if status == 413 else status)
            assert len(server.requests) == 1, "retrying belongs to the host"

    asyncio.run(run())


def test_a_rate_limit_says_when_to_come_back() -> None:
    async def run() -> None:
        async with openai_server() as server:
            error = await failure(server.lm("status-429"))
            assert details_of(error)["retryAfterMs"] == 7_000
            assert "try again in 7 s" in str(error)

    asyncio.run(run())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_local_server_that_is_not_there_comes_with_the_command_that_starts_it() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/v1"
    error = asyncio.run(failure({"model": "ollama_chat/llama3.2", "apiBase": endpoint}))
    assert error.code == "MODEL_UNREACHABLE"
    assert endpoint in str(error)
    assert "ollama serve" in str(error)
    assert details_of(error)["endpoint"] == endpoint


def test_an_endpoint_is_shown_without_its_query() -> None:
    lm = {"model": "openai/x", "apiBase": f"http://127.0.0.1:{free_port()}/v1?key=sk-secret-key"}
    error = asyncio.run(failure(lm))
    assert error.code == "MODEL_UNREACHABLE"


def test_a_model_that_does_not_answer_in_time_is_a_timeout_and_is_hung_up_on() -> None:
    async def run() -> None:
        async with openai_server() as server:
            error = await failure(server.lm("silent", timeoutMs=50))
            assert error.code == "TIMEOUT"
            assert details_of(error)["timeoutMs"] == 50
            await asyncio.wait_for(server.hung_up.wait(), 10)

    asyncio.run(run())


def test_a_missing_key_is_an_error_of_authentication() -> None:
    error = asyncio.run(failure({"model": "openai/gpt-4o-mini"}))
    assert error.code == "MODEL_AUTH"
    assert "apiKey" in str(error)


def test_settings_that_a_model_does_not_take_are_refused() -> None:
    lm = {"model": "openai/gpt-5", "apiKey": "sk-secret-key", "temperature": 0.2}
    with pytest.raises(BridgeError) as failed:
        Predictor().prepare(ASK, {"question": "?"}, lm)
    assert failed.value.code == "MODEL_NOT_CONFIGURED"


UNKNOWN_PROVIDERS = [
    ({"model": "opanai/gpt-5"}, 'there is no provider "opanai"; did you mean "openai"?'),
    ({"model": "OpenAI/gpt-5"}, 'did you mean "openai"?'),
    ({"model": "google/gemini-2.5-pro"}, 'did you mean "gemini"?'),
    ({"model": "qqq/x"}, '"openai/x" with apiBase'),
    ({"model": "qqq/x", "apiBase": "http://127.0.0.1:9/v1"}, 'write "openai/qqq/x"'),
]


@pytest.mark.parametrize(("lm", "words"), UNKNOWN_PROVIDERS)
def test_a_provider_that_there_is_not_is_refused_before_any_work(
    lm: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotBegunError) as failed:
        Predictor().prepare(ASK, {"question": "?"}, lm)
    assert failed.value.code == "MODEL_NOT_CONFIGURED"
    assert details_of(failed.value) == {"model": lm["model"]}
    assert words in str(failed.value)


def test_no_provider_is_refused_that_dspy_or_litellm_takes() -> None:
    # In a process of its own: LiteLLM stays imported, and the others are to do without it.
    script = """
import sys
from snakepit_bridge.dspy.providers import PROVIDERS, check_provider
for name in ["openai/x", "mistral/x", "ollama_chat/x", "sglang:a/b", "gpt-5"]:
    check_provider(name, has_own_endpoint=False)
assert "litellm" not in sys.modules
import litellm
from litellm.constants import openai_compatible_providers
from litellm.llms.openai_like.json_loader import JSONProviderRegistry
from litellm.types.utils import LlmProviders
theirs = {provider.value for provider in LlmProviders}
theirs |= {*openai_compatible_providers, *JSONProviderRegistry.list_providers()}
assert theirs == PROVIDERS, sorted(theirs ^ PROVIDERS)
litellm.custom_provider_map = [{"provider": "my_own", "custom_handler": None}]
check_provider("my_own/x", has_own_endpoint=False)
"""
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


COUNT = program({"question": STR}, {"answer": STR, "count": INT})
BAD_ANSWERS: list[tuple[str, str, str | None]] = [
    ("chat", chat_answer(answer="yes", count="several"), "several"),
    ("json", '{"answer": "yes", "count": "several"}', "several"),
    ("xml", "<answer>yes</answer><count>several</count>", "several"),
    ("chat", chat_answer(answer="yes"), None),
    ("json", '{"answer": "yes"}', None),
    ("json", "I would rather not say.", None),
]


@pytest.mark.parametrize(("adapter", "text", "received"), BAD_ANSWERS)
def test_an_answer_that_does_not_fit_names_the_field(
    adapter: str, text: str, received: str | None
) -> None:
    async def run() -> None:
        async with openai_server(bad=text) as server:
            error = await failure(server.lm("bad"), COUNT, adapter)
            assert error.code == "OUTPUT_INVALID"
            details = details_of(error)
            if "answer" in text:
                assert details["field"] == "count"
                assert details["expected"] == "int"
            assert details["received"] == (received or text.strip())

    asyncio.run(run())


def test_a_group_of_one_exception_is_that_exception() -> None:
    call = Predictor().prepare(ASK, {"question": "?"}, {"model": "demo", "timeoutMs": 5})
    group = BaseExceptionGroup("outer", [ExceptionGroup("inner", [TimeoutError()])])
    error = bridge_error(group, call.program, call.settings)
    assert isinstance(error, BridgeError)
    assert error.code == "TIMEOUT"


def test_the_demo_model_refuses_what_is_no_text() -> None:
    async def run() -> None:
        predictor = Predictor()
        image = {"kind": "dspy", "name": "Image"}
        spec = program({"image": image, "question": STR}, {"answer": STR})
        inputs = {"image": {"url": "https://example.invalid/a.png"}, "question": "what is this?"}
        with pytest.raises(BridgeError) as failed:
            await predictor.predict(predictor.prepare(spec, inputs, {"model": "demo"}, "chat"))
        assert failed.value.code == "MODEL_REFUSED"
        assert "text and nothing else" in str(failed.value)

    asyncio.run(run())
