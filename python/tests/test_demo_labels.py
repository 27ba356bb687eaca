import asyncio
from collections.abc import Sequence
from typing import Any

import dspy
import pytest
from data import support_tickets, unseen_tickets
from dspy_programs import DEMO, FLOAT, STR, literal, program

from snakepit_bridge.dspy import Predictor
from snakepit_bridge.dspy.demo_model import AsyncDemoEngine, DemoEngine
from snakepit_bridge.dspy.demo_model.labels import choose_label

LABELS = support_tickets.LABELS
OPINIONS = ("positive", "negative", "neutral")


def share_right(labels: Sequence[str], cases: Sequence[tuple[str, str]]) -> float:
    return sum(choose_label(labels, text).label == label for text, label in cases) / len(cases)


def test_support_tickets_get_the_label_a_person_gave_them() -> None:
    assert share_right(LABELS, support_tickets.TICKETS) >= 0.85
    assert share_right(LABELS, unseen_tickets.TICKETS) >= 0.85


def test_reviews_get_the_opinion_a_person_reads_in_them() -> None:
    assert share_right(OPINIONS, support_tickets.REVIEWS) >= 0.85
    assert share_right(OPINIONS, unseen_tickets.REVIEWS) >= 0.7


def test_the_order_of_the_labels_does_not_decide() -> None:
    for text, _ in support_tickets.TICKETS:
        forwards, backwards = choose_label(LABELS, text), choose_label(LABELS[::-1], text)
        assert forwards.label == backwards.label


def test_confidence_follows_the_margin() -> None:
    clear = choose_label(LABELS, "The app crashes with an error when it starts.")
    unclear = choose_label(LABELS, "The invoice page crashes.")
    nothing = choose_label(("red", "green", "blue", "grey"), "A quarterly meeting of owls.")
    assert clear.confidence > unclear.confidence > nothing.confidence == 0.25
    assert "guess" in nothing.reason
    assert clear.confidence < 1


# Labels that nobody can guess, only learn.
CODES = ["C9", "A7", "B2"]
EXAMPLES = [
    ("invoice is wrong", "A7"),
    ("cannot log in", "B2"),
    ("invoice shows a double charge", "A7"),
    ("the log in page loops", "B2"),
]


@pytest.mark.parametrize(("text", "code"), [("my invoice is late", "A7"), ("log in failed", "B2")])
def test_labels_are_learned_from_examples(text: str, code: str) -> None:
    assert choose_label(CODES, text, examples=EXAMPLES).label == code


RULES = [
    "Give the code. invoice means A7. Anything about log in means B2.",
    "Rule: invoice means A7\nRule: log in means B2",
    '"invoice" -> A7, "log in" -> B2',
]


@pytest.mark.parametrize("rules", RULES)
def test_labels_are_taken_from_rules_in_the_instructions(rules: str) -> None:
    assert choose_label(CODES, "My invoice is late", hints=rules).label == "A7"
    assert choose_label(CODES, "I can't log in", hints=rules).label == "B2"


def test_labels_are_explained_by_their_descriptions() -> None:
    hints = "red: animals such as dogs and horses; blue: vehicles such as cars and trains"
    assert choose_label(["red", "blue"], "Two horses in a field", hints=hints).label == "red"
    assert choose_label(["red", "blue"], "The train was late", hints=hints).label == "blue"


def test_any_kind_of_label_may_be_chosen() -> None:
    assert choose_label([1, 2, 3], "take number 2 please").label == 2
    assert choose_label(["yes", None], "yes, of course").label == "yes"
    assert choose_label(["yes", None], "owls").label is None


@pytest.mark.parametrize("adapter", ["chat", "json", "xml"])
def test_a_classification_is_explained_by_what_decided_it(adapter: str) -> None:
    spec = program(
        {"text": STR},
        {"label": literal(*LABELS), "confidence": FLOAT},
        module="ChainOfThought",
    )
    predictor = Predictor()

    async def classify(text: str) -> dict[str, Any]:
        reply = await predictor.predict(predictor.prepare(spec, {"text": text}, DEMO, adapter))
        return dict(reply["outputs"])

    outputs = asyncio.run(classify("I want a refund, I was charged twice."))
    assert outputs["label"] == "billing"
    assert "refund" in outputs["reasoning"]
    assert 0.7 < outputs["confidence"] < 1
    assert asyncio.run(classify("The fee."))["confidence"] < outputs["confidence"]


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter()])
def test_demonstrations_of_a_dspy_program_teach_it(adapter: dspy.Adapter) -> None:
    signature = dspy.Signature("text -> code: Literal['C9','A7','B2']", "Give the routing code.")
    predict = dspy.Predict(signature)
    lm = dspy.LM("demo", engine=DemoEngine(), async_engine=AsyncDemoEngine(), cache=False)
    with dspy.context(lm=lm, adapter=adapter):
        assert predict(text="my invoice is late").code == "C9"
        predict.demos = [dspy.Example(text=text, code=code) for text, code in EXAMPLES]
        assert predict(text="my invoice is late").code == "A7"
        assert predict(text="log in code never arrives").code == "B2"
