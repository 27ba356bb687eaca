"""The peer python-shell: one line of JSON in, one line of JSON out."""

import json
import sys

for line in sys.stdin:
    call = json.loads(line)
    sys.stdout.write(
        json.dumps({"id": call["id"], "sum": call["a"] + call["b"]}) + "\n"
    )
    sys.stdout.flush()
