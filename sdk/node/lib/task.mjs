// One task of this worker, and what the function may ask and do about it: `context()`.

import fs from "node:fs";
import path from "node:path";
import { Writable } from "node:stream";
import { finished } from "node:stream/promises";

import { Cancelled, InvalidInput } from "./errors.mjs";
import { grow, send, trySend } from "./outputs.mjs";
import * as wire from "./wire.mjs";

// Made by a `start` frame, over with `done` or `failed`: every start is answered by exactly one of them.
export class Task {
  credit = wire.CREDIT_BYTES; // Output bytes that may be sent.
  filled = new Set(); // Outputs that have their value or an element.
  writers = new Map(); // Of outputs that are open.
  waits = new Set(); // Rejects of those who wait: called when the task is over.
  cancelReason = null;
  isEnded = false; // Cancelled, or finished.
  hasReturned = false; // Nothing new is begun; what is being emitted is finished.
  abort = new AbortController();
  inputs = new Map(); // What came, by port.
  #values = new Map(); // What inputs became, by name.
  #sending = null; // Settles when all that waits to be sent is.
  #creditWaits = [];
  #files = null;

  constructor(handle, program, channel, about) {
    this.handle = handle;
    this.program = program;
    this.channel = channel;
    this.about = about;
    this.announced = new Set(about.inputs);
    this.began = performance.now();
    this.context = new Context(this);
  }

  queue(type, flags, port, ...parts) {
    this.check();
    this.channel.queue(type, flags, port, this.handle, ...parts);
  }

  // Throws where the task may not go on.
  check() {
    if (!this.isEnded) return;
    if (this.cancelReason !== null) throw new Cancelled(this.cancelReason);
    throw this.#over();
  }

  #over() {
    return new Error(`the task ${this.about.path ?? ""} has ended: nothing can be read or emitted any more`);
  }

  cancel(reason) {
    this.cancelReason = reason || "cancelled";
    this.#end(new Cancelled(this.cancelReason));
  }

  finish() {
    this.#end(this.#over());
    this.inputs.clear();
    this.#values.clear();
    if (this.#files) fs.rmSync(this.#files, { recursive: true, force: true });
  }

  #end(error) {
    this.isEnded = true;
    const waits = [...this.waits];
    this.waits.clear();
    for (const reject of waits) reject(error);
    if (this.cancelReason !== null && !this.abort.signal.aborted) this.abort.abort(error);
  }

  // ---- inputs ----

  // The input that frames for this port belong to; undefined if `start` did not announce it.
  input(index) {
    let input = this.inputs.get(index);
    if (!input && this.announced.has(index)) {
      input = new this.program.ports[index].Input(this, index);
      this.inputs.set(index, input);
    }
    return input;
  }

  // What the input became: read once, then kept. undefined: absent, and the parameter has a default.
  value(port) {
    let value = this.#values.get(port.name);
    if (!value) {
      value = this.#read(port);
      value.catch(() => {}); // Whoever waits for it hears of it.
      this.#values.set(port.name, value);
    }
    return value;
  }

  async #read(port) {
    const input = this.input(port.index);
    if (input) return port.read(this, input);
    if (port.hasDefault) return port.read(this, port.defaultInput(this));
    return this.program.fallbacks.has(port.name) ? undefined : null;
  }

  async arguments() {
    const values = {};
    for (const port of this.program.passed) {
      const value = await this.value(port);
      if (value !== undefined) values[port.name] = value;
    }
    return values;
  }

  // A path with the right last component whose content is the value; it is gone when the task ends.
  async fileOf(port, input, value) {
    const name = value.name || port;
    if (/[/\0]/.test(name) || name === "." || name === "..") {
      throw new InvalidInput(`input \`${port}\`: ${JSON.stringify(name)} is no file name`);
    }
    this.#files ??= fs.mkdtempSync(path.join(this.program.scratch, ".in-"));
    const file = path.join(fs.mkdtempSync(path.join(this.#files, "f-")), name);
    const fd = fs.openSync(file, "wx", 0o600);
    try {
      for await (const piece of input.pieces(value)) {
        for (let at = 0; at < piece.length; ) at += fs.writeSync(fd, piece, at);
      }
      fs.fchmodSync(fd, (value.mode || 0o644) & 0o777);
    } finally {
      fs.closeSync(fd);
    }
    return file;
  }

  // ---- outputs ----

  // One value or element. Returns a promise where it must wait, for credit or for what was emitted before.
  emit(output, value) {
    this.#checkOpen();
    if (this.writers.has(output)) throw output.wrong("what open() gave is not ended yet");
    if (!output.isList && this.filled.has(output)) throw output.wrong("it already has its value");
    const isHole = (value === null || value === undefined) && output.isList && output.element.head === "optional";
    const encoded = isHole ? null : output.encode(output, value);
    this.filled.add(output);
    if (isHole) {
      return this.#inOrder(() => this.queue(wire.FRAME_EMIT, wire.FLAG_HOLE, output.port, wire.valueHeader(0, 0, 0, 0)));
    }
    if (!this.#sending && trySend(this, output, encoded)) {
      if (output.isList) this.channel.flush(); // Its reader may start on it now.
      return undefined;
    }
    return this.#inOrder(() => send(this, output, encoded));
  }

  #checkOpen() {
    this.check();
    if (this.hasReturned) throw this.#over();
  }

  #inOrder(action) {
    const result = (this.#sending ?? Promise.resolve()).then(action);
    const settled = result.then(() => {}, () => {});
    this.#sending = settled;
    settled.then(() => {
      if (this.#sending === settled) this.#sending = null;
    });
    return result;
  }

  addCredit(bytes) {
    this.credit += bytes;
    const waits = this.#creditWaits;
    this.#creditWaits = [];
    for (const resolve of waits) resolve();
  }

  async awaitCredit(size) {
    while (this.credit < size) {
      this.check();
      this.channel.flush();
      let reject;
      const more = new Promise((yes, no) => {
        reject = no;
        this.#creditWaits.push(yes);
      });
      this.waits.add(reject);
      try {
        await more;
      } finally {
        this.waits.delete(reject);
      }
    }
    this.check();
  }

  openOutput(output, filename) {
    this.#checkOpen();
    const writer = new OutputWriter(this, output, filename, (action) => this.#inOrder(action));
    if (this.writers.has(output) || (!output.isList && this.filled.has(output))) {
      throw output.wrong("it is open or has its value already");
    }
    this.writers.set(output, writer);
    this.filled.add(output);
    writer.begin();
    return writer;
  }

  // The function has returned: completes what is open, once all that it emitted is sent.
  async closeOutputs() {
    for (const writer of [...this.writers.values()]) {
      if (!writer.writableEnded) writer.end();
      await finished(writer);
    }
    this.hasReturned = true;
    while (this.#sending) await this.#sending;
  }
}

const WRITABLE_KINDS = { bytes: wire.KIND_BYTES, text: wire.KIND_TEXT, file: wire.KIND_FILE, any: wire.KIND_BYTES };

// A value that is written piece by piece; every write is readable at once.
class OutputWriter extends Writable {
  #task;
  #output;
  #inOrder;
  #header;

  constructor(task, output, filename, inOrder) {
    super({ decodeStrings: true, defaultEncoding: "utf8" });
    const { head } = output.element.plain;
    const kind = WRITABLE_KINDS[head];
    if (!kind) throw output.wrong(`a value of type ${head} cannot be written in pieces: emit() it`);
    const name = Buffer.from(kind === wire.KIND_FILE ? String(filename ?? output.name) : "");
    if (name.includes("/") || name.length > wire.NAME_MAX || [".", ".."].includes(name.toString())) {
      throw new TypeError(`${JSON.stringify(filename)} is no file name`);
    }
    this.#task = task;
    this.#output = output;
    this.#inOrder = inOrder;
    this.#header = [wire.valueHeader(kind, name.length, kind === wire.KIND_FILE ? 0o644 : 0, -1), name];
  }

  begin() {
    this.#send(() => this.#task.queue(wire.FRAME_EMIT, wire.PLACE_OPEN, this.#output.port, ...this.#header), () => {});
  }

  #send(action, callback) {
    this.#inOrder(action).then(
      () => {
        this.#task.channel.flush();
        callback();
      },
      callback,
    );
  }

  _write(chunk, encoding, callback) {
    this.#send(() => grow(this.#task, this.#output, chunk), callback);
  }

  _final(callback) {
    this.#send(() => {
      this.#task.writers.delete(this.#output);
      this.#task.queue(wire.FRAME_SEAL, 0, this.#output.port);
    }, callback);
  }

  _destroy(error, callback) {
    // Cut off in the middle: what was written must not pass for the whole.
    callback(error ?? (this.writableFinished || this.#task.isEnded ? null : this.#output.wrong("it was destroyed before its end")));
  }
}

// What a function may know and do about the task it runs in.
export class Context {
  #task;

  constructor(task) {
    this.#task = task;
  }

  get run() {
    return this.#task.about.run ?? "";
  }
  get app() {
    return this.#task.about.app ?? "";
  }
  get workflow() {
    return this.#task.about.workflow ?? "";
  }
  get step() {
    return this.#task.about.step ?? "";
  }
  get path() {
    return this.#task.about.path ?? "";
  }
  get index() {
    return this.#task.about.index ?? null;
  }
  get attempt() {
    return this.#task.about.attempt ?? 1;
  }
  get token() {
    return this.#task.about.token ?? "";
  }

  remaining() {
    const limit = this.#task.about.deadline_ms;
    return limit === undefined ? null : Math.max(0, this.#task.began + limit - performance.now());
  }

  get deadline() {
    const remaining = this.remaining();
    return remaining === null ? null : new Date(Date.now() + remaining);
  }

  get signal() {
    return this.#task.abort.signal;
  }

  get cancelled() {
    return this.#task.cancelReason !== null;
  }

  #output(name) {
    const { outputs } = this.#task.program;
    const found = outputs.find((output) => output.name === name);
    if (found) return found;
    const names = outputs.map((output) => `\`${output.name}\``).join(", ") || "none";
    throw new TypeError(`there is no output \`${name}\`; declared: ${names}`);
  }

  async emit(name, value) {
    const output = this.#output(name);
    const sent = this.#task.emit(output, value);
    this.#task.channel.flush();
    if (sent) await sent;
  }

  open(name, filename) {
    return this.#task.openOutput(this.#output(name), filename);
  }

  async read(name) {
    const { ports } = this.#task.program;
    const port = ports.find((each) => each.name === name);
    if (port) return (await this.#task.value(port)) ?? null;
    const names = ports.map((each) => `\`${each.name}\``).join(", ") || "none";
    throw new TypeError(`there is no input \`${name}\`; declared: ${names}`);
  }

  log(text) {
    const data = Buffer.from(`${text}\n`);
    for (let at = 0; at < data.length; at += 32768) {
      this.#task.queue(wire.FRAME_LOG, 0, 0, data.subarray(at, at + 32768));
    }
    this.#task.channel.flush();
  }
}
