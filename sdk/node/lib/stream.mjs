// What `stream<T>` and `pipe` inputs are in a function. In a unit test make them yourself:
// `merge({ counts: new Stream([{ a: 1 }]) })`, `grep({ log: Pipe.of("ok\nERROR\n") })`.

import { Readable } from "node:stream";

// A list that is read element by element while it is written. Iterated once.
export class Stream {
  #take;

  // elements: anything that can be iterated, also asynchronously.
  constructor(elements) {
    const iterator = (elements[Symbol.asyncIterator] ?? elements[Symbol.iterator]).call(elements);
    this.#take = () => iterator.next();
  }

  // { value, done }: waits until the next element is there, or it is certain that none comes.
  async next() {
    return this.#take();
  }

  async return() {
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async toArray() {
    const elements = [];
    for await (const element of this) elements.push(element);
    return elements;
  }
}

// The bytes of one value, read while they are written: a Readable of Buffers. `filename` is that of a file.
export class Pipe extends Readable {
  #pieces;

  constructor(pieces, filename = "") {
    super({ highWaterMark: 64 * 1024 });
    this.#pieces = pieces;
    this.filename = filename;
  }

  static of(...pieces) {
    return new Pipe((async function* () {
      for (const piece of pieces) yield Buffer.from(piece);
    })());
  }

  async _read() {
    try {
      const { value, done } = await this.#pieces.next();
      this.push(done ? null : value);
    } catch (error) {
      this.destroy(error);
    }
  }
}
