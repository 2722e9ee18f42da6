import { Readable, Writable } from "node:stream";

/** A list that is read element by element while it is written. Iterated once. */
export class Stream<T> implements AsyncIterableIterator<T> {
  /** For unit tests: of anything that can be iterated. */
  constructor(elements: Iterable<T> | AsyncIterable<T>);
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): this;
  toArray(): Promise<T[]>;
}

/** The bytes of one value, read while they are written. */
export class Pipe extends Readable {
  /** Name of a file, else "". */
  readonly filename: string;
  /** For unit tests. */
  static of(...pieces: (string | Uint8Array)[]): Pipe;
}

export type Numbers =
  | Uint8Array | Uint8ClampedArray | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | BigUint64Array
  | BigInt64Array | Float32Array | Float64Array;

/** A numeric array: the last index runs fastest, or the first where isFortran. */
export class NdArray<Data extends Numbers = Numbers> {
  constructor(data: Data, shape?: number[], options?: { dtype?: string; isFortran?: boolean });
  readonly data: Data;
  readonly shape: number[];
  readonly dtype: string;
  readonly isFortran: boolean;
}

/** What a function may know and do about the task it runs in. */
export interface Context {
  /** The id of the run. */
  readonly run: string;
  readonly app: string;
  readonly workflow: string;
  readonly step: string;
  /** `count.7` is element 7 of step `count`. */
  readonly path: string;
  /** Of the element in a `foreach`. */
  readonly index: number | null;
  /** 1 in the first attempt. */
  readonly attempt: number;
  /** The same in every attempt of this task: an idempotency key for the outside world. */
  readonly token: string;
  /** When the attempt times out. */
  readonly deadline: Date | null;
  /** Milliseconds until then. */
  remaining(): number | null;
  /** Aborted when the task is over. */
  readonly signal: AbortSignal;
  readonly cancelled: boolean;
  /** Gives an output its value, or a list its next element: readers may start on it now. */
  emit(output: string, value: unknown): Promise<void>;
  /** A value of bytes, text or file that is written piece by piece; every write is readable at once. */
  open(output: string, filename?: string): Writable;
  /** The value of an input; waits for it where the step has `start: early`. */
  read<T = unknown>(input: string): Promise<T>;
  /** A line of the task's log, like console.log. */
  log(text: string): void;
}

/** The context of the task that the caller belongs to. Throws where there is none. */
export function context(): Context;

/** The task is over: the run was cancelled, its time is over, an input was withdrawn. */
export class Cancelled extends Error {}
export class InvalidInput extends Error {}
export class InvalidOutput extends Error {}
export class TooLarge extends Error {}
