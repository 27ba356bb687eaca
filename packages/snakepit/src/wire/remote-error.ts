import { type ErrorCode, errorCodes, type Outcome, SnakepitError } from "../errors.ts";

const known: ReadonlySet<string> = new Set(errorCodes);

/**
 * The error map of docs/protocol.md as an error of ours. A code that is not in our closed list
 * belongs to a layer above and stays in `details.code` of a `REMOTE` error.
 */
export function remoteError(
  map: unknown,
  command: string,
  workerId: string,
): SnakepitError<string> {
  if (typeof map !== "object" || map === null) {
    return new SnakepitError(
      "PROTOCOL",
      `${workerId} answered ${command} with an error that is no map`,
    );
  }
  const { type, message, traceback, code, details, begun } = map as Record<string, unknown>;
  const typeName = typeof type === "string" ? type : "Error";
  const text = typeof message === "string" ? message : "";
  const outcome: Outcome = begun === false ? "not-started" : "failed";
  const extra = typeof details === "object" && details !== null ? details : {};
  const carried = {
    ...extra,
    type: typeName,
    message: text,
    ...(typeof traceback === "string" ? { traceback } : {}),
    workerId,
  };
  if (typeof code === "string" && known.has(code) && code !== "REMOTE") {
    // What a code of ours has in its details is its own: the type of a value is not the error's.
    const own = { ...carried, ...extra };
    return new SnakepitError(code as ErrorCode, text, { outcome, details: own as never });
  }
  const foreign = typeof code === "string" && code !== "REMOTE" ? { code } : {};
  const said = text === "" ? "" : `: ${text}`;
  return new SnakepitError("REMOTE", `${typeName} in ${command}${said}`, {
    outcome,
    details: { ...carried, ...foreign },
  });
}
