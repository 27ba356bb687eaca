# mypy: disable-error-code="import-untyped"
"""Which providers a model's name may begin with. LiteLLM is not asked: importing it takes seconds,
and a misspelt name should not cost them."""

import difflib
import sys
from collections.abc import Iterable

from dspy.lm15 import registered_providers

from snakepit_bridge.errors import NotBegunError

# All that LiteLLM 1.106.2 (November 2026) takes before a slash: its enum `LlmProviders`, its
# `providers.json` of servers that speak OpenAI's protocol, and `openai_compatible_providers`. All
# that DSPy 3.4's own engine takes are among them. A test compares this list with the installed
# LiteLLM; https://docs.litellm.ai/docs/providers describes each.
_NAMES = """
    a2a a2a_agent abliteration ai21 ai21_chat aihubmix aiml aiohttp_openai amazon_nova
    anthropic anthropic_text anyscale apertis assemblyai auto_router aws_polly aws_textract
    azure azure_ai azure_speech azure_text baseten bedrock bedrock_mantle black_forest_labs
    bytez cerebras charity_engine chatgpt chutes clarifai cloudflare codestral cognition
    cohere cohere_chat cometapi compactifai cortecs crusoe cursor custom custom_openai
    darkbloom dashscope databricks datarobot deepgram deepinfra deepseek docker_model_runner
    dotprompt edenai elevenlabs empiriolabs empower fal_ai featherless_ai fireworks_ai
    friendliai galadriel gdc gemini gigachat github github_copilot gmi gradient_ai groq
    helicone heroku hosted_vllm huggingface humanloop hyperbolic inception infinity jina_ai
    lambda_ai langflow langfuse langgraph lemonade libertai litellm_agent litellm_proxy
    llamafile llamagate lm_studio manus maritalk meta meta_llama milvus minimax mistral
    modelscope mongodb moonshot morph nadir nano-gpt nebius neosantara nlp_cloud novita nscale
    nvidia_nim nvidia_riva oci ollama ollama_chat oobabooga openai openai_like openrouter
    ovhcloud parasail perplexity petals pg_vector pinstripes poe predibase prism publicai
    qwen_ai_platform qwencloud ragflow recraft reducto reka replicate runwayml s3_vectors
    sagemaker sagemaker_chat sagemaker_nova sail sambanova sap sarvam scaleway scx-ai
    snowflake soniox stability strands_decider synthetic tencent tensormesh
    text-completion-codestral text-completion-inception text-completion-openai together_ai
    topaz transcribe triton typesafe v0 valkey veniceai vercel_ai_gateway vertex_ai
    vertex_ai_beta vllm volcengine voyage wandb watsonx watsonx_text xai xiaomi_mimo
    xinference zai
"""
PROVIDERS = frozenset(_NAMES.split())

# What people call a provider that has another name here.
OTHER_NAMES = {
    "google": "gemini",
    "google_ai": "gemini",
    "gpt": "openai",
    "claude": "anthropic",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "lmstudio": "lm_studio",
    "aws": "bedrock",
    "vertexai": "vertex_ai",
}


def check_provider(model: str, has_own_endpoint: bool) -> None:
    """Raises MODEL_NOT_CONFIGURED for a `provider/name` whose provider nobody knows.

    A name without a provider, and `provider:name`, are DSPy's to read.
    """
    provider, slash, name = model.partition("/")
    if not slash or ":" in provider or provider in PROVIDERS or provider in _added_providers():
        return
    near = _closest(provider)
    if has_own_endpoint:
        hint = f'for a server that speaks OpenAI\'s protocol write "openai/{model}"'
        if near is not None:
            hint = f'did you mean "{near}"? Else, {hint}'
    elif near is not None:
        hint = f'did you mean "{near}"?'
    else:
        hint = (
            "https://docs.litellm.ai/docs/providers lists those there are, and a server of your "
            f'own is "openai/{name}" with apiBase'
        )
    raise NotBegunError(
        "MODEL_NOT_CONFIGURED",
        f'there is no provider "{provider}"; {hint}',
        {"model": model},
    )


def _closest(provider: str) -> str | None:
    lower = provider.lower()
    if lower in PROVIDERS:
        return lower
    if lower in OTHER_NAMES:
        return OTHER_NAMES[lower]
    return next(iter(difflib.get_close_matches(lower, sorted(PROVIDERS), n=1, cutoff=0.7)), None)


def _added_providers() -> Iterable[str]:
    """Those that the program itself has made known in this process, in a preload for example."""
    added: set[str] = set()
    for provider in registered_providers():
        added.update((provider.id, *provider.definition.aliases))
    litellm = sys.modules.get("litellm")
    for entry in getattr(litellm, "custom_provider_map", None) or ():
        added.add(entry["provider"])
    return added
