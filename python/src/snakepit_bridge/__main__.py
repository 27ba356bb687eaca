"""`python -m snakepit_bridge`: one worker, started by its host, whose end of our stdin is its
lifeline."""

import faulthandler
import os
import sys

from snakepit_bridge import lifeline, seeding, worker


def main() -> None:
    address, worker_id, token = _required(
        "SNAKEPIT_ADDRESS", "SNAKEPIT_WORKER_ID", "SNAKEPIT_TOKEN"
    )
    lifeline.die_with_parent(lifeline.owner_pid())
    lifeline.exit_at_end_of_stdin()
    lifeline.exit_on_signals()
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Before anybody's code runs.
    del os.environ["SNAKEPIT_TOKEN"]
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        worker.import_commands(os.environ.get("SNAKEPIT_PRELOAD", ""))
    except BaseException as error:  # SystemExit too, as of a module that checks its licence
        worker.preload_failed(error)
    if seed := os.environ.get("SNAKEPIT_SEED"):
        seeding.reseed(int(seed))
    worker.serve(
        worker.Identity(
            worker_id=worker_id, address=address, token=token, concurrency=worker.concurrency()
        )
    )


def _required(*names: str) -> list[str]:
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        print(
            f"snakepit_bridge: {', '.join(missing)} is not set; a worker is started by its host, "
            "for example by createBridge() of snakepit-grpc-bridge",
            file=sys.stderr,
        )
        worker.leave(lifeline.NOT_ADMITTED)
    return [os.environ[name] for name in names]


if __name__ == "__main__":
    main()
