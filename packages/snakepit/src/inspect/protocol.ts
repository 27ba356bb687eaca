import type { TraceFrame } from "../adapter.ts";
import type { PoolStats, WorkerInfo } from "../pool.ts";
import type { SessionInfo, SessionStats } from "../sessions.ts";

/**
 * What an application and the command `snakepit` say to each other: JSON, one document a line. Each
 * has `v`; a question has an `id`, and its answer the same one. Fields may be added without a new
 * version; nobody may rely on there being no others.
 */
export const INSPECT_VERSION = 1;
/** Of a question; a longer one ends the connection. */
export const MAX_QUESTION_BYTES = 64 * 1024;

/** What may be asked, and what of it may be left out. */
export interface Questions {
  application: object;
  workers: object;
  /** `sweep`: removes first what has expired. */
  sessions: { readonly sweep?: boolean; readonly values?: boolean };
  /** `worker`: its id or its pid. */
  recycle: { readonly worker: string; readonly force?: boolean };
  /** Frames follow, until the connection is closed. */
  trace: { readonly worker: string; readonly values?: boolean };
  dump: { readonly values?: boolean };
}

export type QuestionName = keyof Questions;
export const questionNames: readonly QuestionName[] = [
  "application",
  "workers",
  "sessions",
  "recycle",
  "trace",
  "dump",
];

export type Question<Name extends QuestionName = QuestionName> = Name extends QuestionName
  ? { readonly v: number; readonly id: number; readonly ask: Name } & Questions[Name]
  : never;

export interface Answers {
  application: ApplicationReport;
  workers: readonly PoolWorkers[];
  sessions: readonly PoolSessions[];
  recycle: Recycled;
  trace: Traced;
  dump: Dump;
}

/** One thread of a program that has pools. */
export interface ApplicationReport {
  readonly pid: number;
  /** 0: the main thread. */
  readonly thread: number;
  /** Of the script that was started. */
  readonly name: string;
  readonly script: string;
  readonly cwd: string;
  readonly node: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Of the whole process. */
  readonly memoryBytes: number;
  /** When this was written, so that two reports give a rate. */
  readonly atMs: number;
  readonly pools: readonly PoolReport[];
}

export interface PoolReport {
  readonly name: string;
  readonly adapter: string;
  readonly minWorkers: number;
  readonly maxWorkers: number;
  readonly stats: PoolStats;
}

export interface PoolWorkers {
  readonly pool: string;
  readonly workers: readonly WorkerInfo[];
}

export interface PoolSessions {
  readonly pool: string;
  /** Open in this pool. */
  readonly open: number;
  /** Absent: the pool cannot tell, or `problem` kept its store from answering. */
  readonly stats?: SessionStats;
  readonly sessions?: readonly ListedSession[];
  /** There are more than are listed. */
  readonly isCut?: boolean;
  /** Ids of those that had expired and were removed. */
  readonly swept?: readonly string[];
  readonly problem?: string;
}

export interface ListedSession extends Omit<SessionInfo, "metadata"> {
  readonly metadataKeys: readonly string[];
  /** Only when values were asked for. */
  readonly metadata?: SessionInfo["metadata"];
}

export interface Recycled {
  readonly pool: string;
  /** The id of the worker that goes, and of the one that has come in its place. */
  readonly old: string;
  readonly new: string;
}

export interface Traced {
  readonly pool: string;
  readonly worker: string;
  readonly pid: number | undefined;
}

export interface Dump {
  readonly application: Omit<ApplicationReport, "pools">;
  readonly pools: readonly (PoolReport & {
    readonly options: Readonly<Record<string, unknown>>;
    readonly workers: readonly WorkerInfo[];
    readonly sessions: Omit<PoolSessions, "pool">;
  })[];
}

export interface TracedFrame extends Omit<TraceFrame, "value"> {
  /** Milliseconds since 1970, with fractions. */
  readonly atMs: number;
  /** As text, cut and with secrets hidden; only when values were asked for. */
  readonly value?: string;
}

/** One line from the application. */
export type Message<Name extends QuestionName = QuestionName> = {
  readonly v: number;
  /** 0: of no question that could be understood. */
  readonly id: number;
} & (
  | { readonly answer: Answers[Name] }
  | { readonly error: { readonly code: string; readonly message: string } }
  | {
      readonly frames: readonly TracedFrame[];
      /** Frames that were left out since the last line, because the reader is slow or they are many. */
      readonly dropped: number;
    }
  /** There is nothing more to trace, and why. */
  | { readonly ended: string }
);
