"""The command of the row `ml-inference`. The model is trained before workers are forked."""

import bench_model
from snakepit_bridge import command

MODEL = bench_model.train()


@command("classify")
def classify(row: list[float]) -> dict[str, float]:
    return MODEL.classify(row)
