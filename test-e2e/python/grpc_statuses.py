"""A grpcio client of `serveStatuses`, or a server for `errorFrom`: `client|server <target>`."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from snakepit_bridge.v1 import bridge_pb2

PATH = "/snakepit.test.Statuses/Fail"
DETAIL_KEY = "snakepit-error-bin"


def client(target: str) -> None:
    """For each line of stdin, the status as a line of JSON."""
    with grpc.insecure_channel(target) as channel:
        fail = channel.unary_unary(PATH)
        for line in sys.stdin:
            try:
                fail(line.strip().encode())
            except grpc.RpcError as error:
                print(json.dumps(described(error)), flush=True)


def described(error: grpc.RpcError) -> dict[str, object]:
    (value,) = [v for k, v in error.trailing_metadata() if k == DETAIL_KEY]
    detail = bridge_pb2.ErrorDetail.FromString(value)
    return {
        "status": error.code().name,
        "text": error.details(),
        "code": detail.code,
        "message": detail.message,
        "outcome": detail.outcome,
        "details": json.loads(detail.details or "{}"),
    }


class Statuses(grpc.GenericRpcHandler):
    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(fail)


def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
    """With the status and the detail that the request, JSON, asks for."""
    asked = json.loads(request)
    detail = asked.get("detail")
    if isinstance(detail, dict):
        value = bridge_pb2.ErrorDetail(**detail).SerializeToString()
        context.set_trailing_metadata(((DETAIL_KEY, value),))
    elif detail is not None:
        context.set_trailing_metadata(((DETAIL_KEY, detail.encode()),))
    context.abort(grpc.StatusCode[asked["status"]], asked["text"])


def server(target: str) -> None:
    one = grpc.server(ThreadPoolExecutor(2))
    one.add_generic_rpc_handlers((Statuses(),))
    one.add_insecure_port(target)
    one.start()
    sys.stdin.read()  # until whoever started us goes


if __name__ == "__main__":
    {"client": client, "server": server}[sys.argv[1]](sys.argv[2])
