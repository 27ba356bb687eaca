"""A worker that speaks JSON lines, with nothing but the standard library.

Our `processAdapter` and the peer python-shell drive this same program: one line in, one line out.
`ready` says that it takes 256 calls at once; it reads them ahead and answers them in turn.
"""

import json
import sys
from typing import Any


def main() -> None:
    send({"type": "ready", "concurrency": 256, "commands": ["add"]})
    for line in sys.stdin:
        call = json.loads(line)
        if call.get("command") == "add":
            args = call["args"]
            reply = {"success": True, "result": args["a"] + args["b"]}
        elif call.get("type") == "health_check":
            reply = {"type": "health_response"}
        else:
            continue
        send({"request_id": call["request_id"], **reply})


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
