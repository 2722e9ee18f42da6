// Values on their way to the function: what frames brought, and how it is consumed. Who reads returns
// the credit, so that what is buffered here stays within 256 KiB and 16 elements per input.

import { ProtocolError } from "./errors.mjs";
import * as wire from "./wire.mjs";

const WANT_AFTER_MS = 1; // A reader that waits for less is not worth two frames.

// One value: its bytes are in `data`, or come in `parts`.
export class Value {
  name = "";
  mode = 0;
  parts = null; // Of a value that is or was open.
  isComplete = true;

  constructor(kind, data = null) {
    this.kind = kind;
    this.data = data;
  }
}

export const HOLE = new Value(0); // An element that is absent.

// A list inside a list; the elements of a list input itself are an outermost one.
export class Nested {
  items = [];
  isClosed = false;
}

// What all inputs have: frames append, readers take and wait.
class Source {
  open = null; // The value that gets chunks.
  isLocal = false; // A default: the node sent nothing and wants no credit.
  #bytesOwed = 0;
  #elementsOwed = 0;
  #waiting = null;

  constructor(task, port) {
    this.task = task;
    this.port = port;
  }

  readElement(flags, payload) {
    if (flags & wire.FLAG_HOLE) return HOLE;
    if (payload.length < wire.VALUE_SIZE) throw new ProtocolError("an element frame without its value");
    const value = new Value(payload[0]);
    const begin = wire.VALUE_SIZE + payload.readUInt16LE(4);
    value.mode = payload.readUInt16LE(6);
    value.name = payload.toString("utf8", wire.VALUE_SIZE, begin);
    const place = flags & wire.PLACE_MASK;
    if (place === wire.PLACE_RANGE) throw new ProtocolError("a range, which this worker did not agree to");
    if (place === wire.PLACE_INLINE) {
      value.data = Buffer.from(payload.subarray(begin)); // A copy: it must not keep the whole read alive.
    } else {
      value.parts = [];
      value.isComplete = false;
      this.open = value;
    }
    return value;
  }

  onChunk(payload) {
    if (!this.open) throw new ProtocolError(`a chunk on input ${this.port}, where no value is open`);
    this.open.parts.push(Buffer.from(payload));
    this.wake();
  }

  closeValue() {
    this.open.isComplete = true;
    this.open = null;
  }

  wake() {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve();
  }

  // Waits until isReady(). The node hears of it when the wait is not short.
  async waitFor(isReady) {
    const { task } = this;
    let isWanted = false;
    while (!isReady()) {
      task.check();
      this.returnCredit();
      let resolve, reject;
      const woken = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
      const others = this.#waiting;
      this.#waiting = {
        resolve: () => {
          others?.resolve();
          resolve();
        },
      };
      task.waits.add(reject);
      const timer = isWanted
        ? undefined
        : setTimeout(() => {
            if (task.isEnded) return;
            isWanted = true;
            task.channel.queue(wire.FRAME_WANT, 0, this.port, task.handle);
          }, WANT_AFTER_MS);
      try {
        await woken;
      } finally {
        clearTimeout(timer);
        task.waits.delete(reject);
      }
    }
    task.check();
    if (isWanted) task.channel.queue(wire.FRAME_WANT, wire.FLAG_RELEASED, this.port, task.handle);
  }

  returnCredit() {
    if ((this.#bytesOwed || this.#elementsOwed) && !this.task.isEnded) {
      this.task.channel.queue(
        wire.FRAME_CREDIT, 0, this.port, this.task.handle, wire.creditPayload(this.#bytesOwed, this.#elementsOwed));
      this.#bytesOwed = 0;
      this.#elementsOwed = 0;
    }
  }

  owe(bytes, elements) {
    if (this.isLocal) return;
    this.#bytesOwed += bytes;
    this.#elementsOwed += elements;
    if (this.#bytesOwed >= wire.CREDIT_BYTES / 2 || this.#elementsOwed >= wire.CREDIT_ELEMENTS / 2) this.returnCredit();
  }

  // The bytes of a value in pieces, without ever holding all of them.
  async *pieces(value) {
    if (value.data) {
      if (value.data.length) yield value.data;
      return;
    }
    while (true) {
      if (!value.parts.length && !value.isComplete) await this.waitFor(() => value.parts.length || value.isComplete);
      this.task.check();
      const part = value.parts.shift();
      if (!part) return;
      yield part;
      this.owe(part.length, 0);
    }
  }

  // All bytes of a value; at once where they are here.
  whole(value) {
    return value.data ?? this.#collect(value);
  }

  async #collect(value) {
    const parts = [];
    for await (const part of this.pieces(value)) parts.push(part);
    value.data = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    return value.data;
  }
}

// An input that is one value.
export class SingleInput extends Source {
  value = null; // Once it is there.

  onElement(flags, payload) {
    if (this.value) throw new ProtocolError(`a second value on input ${this.port}, which is no list`);
    this.value = this.readElement(flags, payload);
    this.wake();
  }

  onEnd(flags) {
    if (!(flags & wire.FLAG_VALUE) || !this.open) {
      throw new ProtocolError(`an end on input ${this.port}, where no value is open`);
    }
    this.closeValue();
    this.wake();
  }

  async takeValue() {
    if (!this.value) await this.waitFor(() => this.value);
    return this.value;
  }
}

// An input that is a list, whatever the function reads it as.
export class ListInput extends Source {
  top = new Nested();
  #stack = [this.top];

  onElement(flags, payload) {
    if (this.open || this.top.isClosed) {
      throw new ProtocolError(`an element on input ${this.port} while a value is open there, or after its end`);
    }
    const { items } = this.#stack.at(-1);
    if (payload.length >= wire.VALUE_SIZE && payload[0] === wire.KIND_LIST && !(flags & wire.FLAG_HOLE)) {
      const nested = new Nested();
      items.push(nested);
      this.#stack.push(nested);
    } else {
      items.push(this.readElement(flags, payload));
    }
    this.wake();
  }

  onEnd(flags) {
    if (flags & wire.FLAG_VALUE) {
      if (this.open) this.closeValue();
      else if (this.#stack.length > 1) this.#stack.pop().isClosed = true;
      else throw new ProtocolError(`the end of a value on input ${this.port}, where none is open`);
    } else if (this.open || this.#stack.length > 1 || this.top.isClosed) {
      throw new ProtocolError(`the end of input ${this.port} while something is open, or after its end`);
    } else {
      this.top.isClosed = true;
    }
    this.wake();
  }

  // The next Value, Nested or HOLE; undefined at the end of the list.
  async takeElement(nested = this.top) {
    const { items } = nested;
    this.task.check();
    if (!items.length && !nested.isClosed) await this.waitFor(() => items.length || nested.isClosed);
    if (!items.length) return undefined;
    const item = items.shift();
    this.owe(0, 1);
    return item;
  }
}
