"""The peer pythonia: a module whose functions Node calls through its proxies."""


def add(a: int, b: int) -> int:
    return a + b
