"""A small model that needs no weights, no network and no key: it computes its answers from what
stands in the prompt, by word overlap, general word associations and the forms of names, dates and
numbers. It learns from demonstrations and from rules in the instructions, and says when it does not
know. For first steps, tests and documentation; not for production."""

from .engine import AsyncDemoEngine, DemoEngine

__all__ = ["AsyncDemoEngine", "DemoEngine"]
