import { type ServerWritableStream, status as Status } from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
  HealthCheckResponse_ServingStatus as Serving,
} from "./gen/grpc/health/v1/health.ts";
import { BridgeServiceService } from "./gen/snakepit_bridge/v1/bridge.ts";

type Watch = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** `/snakepit_bridge.v1.BridgeService/Connect` without slashes and method. */
const bridgeService = BridgeServiceService.connect.path.split("/")[1] ?? "";
const services: readonly string[] = ["", bridgeService];
/** Probes are few; whoever opens more watches is none. */
const MAX_WATCHES = 100;

/** gRPC's health checking service: whether workers may dial in. */
export class GrpcHealth {
  /** For `Server.addService`. */
  readonly handlers: HealthServer = {
    check: (call, reply) => {
      const { service } = call.request;
      if (services.includes(service)) return reply(null, { status: this.#status });
      reply({ code: Status.NOT_FOUND, details: `no service ${service.slice(0, 200)} here` });
    },
    watch: (call) => this.#watch(call),
  };
  /** Of services that are here, and of others. */
  readonly #watches = new Set<Watch>();
  #status: Serving = Serving.SERVING;

  /** For ever: the pool takes no more workers. */
  stopServing(): void {
    if (this.#status === Serving.NOT_SERVING) return;
    this.#status = Serving.NOT_SERVING;
    for (const call of this.#watches) if (isHere(call)) call.write({ status: this.#status });
  }

  #watch(call: Watch): void {
    if (this.#watches.size >= MAX_WATCHES) {
      const details = `${MAX_WATCHES} watches are open already`;
      call.emit("error", { code: Status.RESOURCE_EXHAUSTED, details });
      return;
    }
    const leave = () => this.#watches.delete(call);
    call.on("cancelled", leave);
    call.on("close", leave);
    call.on("error", leave);
    this.#watches.add(call);
    // Unknown is not an end: the protocol has it that a service may come later.
    call.write({ status: isHere(call) ? this.#status : Serving.SERVICE_UNKNOWN });
  }
}

function isHere({ request }: Watch): boolean {
  return services.includes(request.service);
}
