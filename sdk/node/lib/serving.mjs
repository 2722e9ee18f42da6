// The worker's life: say hello, load the function, run task after task, end. One task runs at a time, in
// the order of their `start` frames; up to four are held.

import fs from "node:fs";
import path from "node:path";

import { Channel } from "./channel.mjs";
import { current } from "./current.mjs";
import { Cancelled, LoadError, ProtocolError } from "./errors.mjs";
import { describeFailure } from "./failure.mjs";
import { Program } from "./program.mjs";
import { deliver } from "./results.mjs";
import { Task } from "./task.mjs";
import * as wire from "./wire.mjs";

const SDK = "node 0.1.0";
const NODE_LEAST = 20;
const EXIT_PROTOCOL = 70;
// A SIGTERM and a cancel that come within this time belong together; one alone means: stop.
const TOGETHER_MS = 5000;
const UNEXPLAINED_MS = 500;

class Worker {
  #channel;
  #setup = null;
  #program = null;
  #tasks = new Map(); // Held, by handle.
  #queue = []; // Held and not begun.
  #running = null;
  #isStopping = false;
  #isEnding = false;
  #cancelledAt = -Infinity;
  #filesAtLoad = new Set();

  constructor(fd) {
    this.#channel = new Channel(
      fd,
      (...frame) => this.#onFrame(...frame),
      () => process.exit(0), // The node is gone: there is nobody to tell, and nothing more to do.
      (error) => {
        this.#say(`the node broke the protocol: ${error.stack}`);
        process.exit(EXIT_PROTOCOL);
      },
    );
    process.on("SIGTERM", () => this.#onSigterm());
    process.on("SIGINT", () => {}); // Ctrl-C in a terminal is for the server, not for its workers.
    process.on("uncaughtException", (error) => this.#onStray(error));
    process.on("unhandledRejection", (error) => this.#onStray(error));
    this.#channel.queue(wire.FRAME_HELLO, 0, 0, 0, wire.helloPayload(wire.HELLO_COPY, SDK));
  }

  // ---- frames ----

  #onFrame(type, flags, port, handle, payload) {
    switch (type) {
      case wire.FRAME_SETUP:
        if (this.#setup) throw new ProtocolError("a second setup");
        this.#setup = JSON.parse(payload.toString());
        this.#load();
        return;
      case wire.FRAME_START:
        this.#onStart(handle, payload);
        return;
      case wire.FRAME_STOP:
        this.#stop();
        return;
      case wire.FRAME_CANCEL:
        this.#cancelledAt = performance.now();
        this.#onCancel(this.#tasks.get(handle), payload.toString());
        return;
      case wire.FRAME_MAP:
      case wire.FRAME_UNMAP:
      case wire.FRAME_GRANT:
        throw new ProtocolError(`a frame of type ${type}, which belongs to shared memory`);
      default:
    }
    const task = this.#tasks.get(handle);
    if (!task || task.isEnded) return; // It has ended: its frames are no errors.
    if (type === wire.FRAME_CREDIT) {
      task.addCredit(payload.readUInt32LE(0));
      return;
    }
    const input = task.input(port);
    if (!input) throw new ProtocolError(`a frame for input ${port}, which \`start\` did not announce`);
    if (type === wire.FRAME_ELEMENT) input.onElement(flags, payload);
    else if (type === wire.FRAME_CHUNK) input.onChunk(payload);
    else if (type === wire.FRAME_END) input.onEnd(flags);
    else throw new ProtocolError(`an unexpected frame of type ${type}`);
  }

  #onStart(handle, payload) {
    if (!this.#program) throw new ProtocolError("a start before ready");
    if (this.#tasks.has(handle)) throw new ProtocolError(`two starts for handle ${handle}`);
    if (this.#tasks.size >= wire.TASKS_HELD_MAX) throw new ProtocolError(`more than ${wire.TASKS_HELD_MAX} tasks at once`);
    const about = JSON.parse(payload.toString());
    const isKnown = (port) => Number.isInteger(port) && port >= 0 && port < this.#program.ports.length;
    if (!Array.isArray(about.inputs) || !about.inputs.every(isKnown)) {
      throw new ProtocolError("a start with inputs that were not declared");
    }
    const task = new Task(handle, this.#program, this.#channel, about);
    this.#tasks.set(handle, task);
    this.#queue.push(task);
    if (!this.#running) this.#runAll();
  }

  #onCancel(task, reason) {
    if (!task || task.cancelReason !== null) return;
    task.cancel(reason);
    if (task === this.#running) return; // Answered when the function has ended.
    this.#queue.splice(this.#queue.indexOf(task), 1);
    this.#answer(task, new Cancelled(reason));
  }

  #onSigterm() {
    const came = performance.now();
    if (came - this.#cancelledAt < TOGETHER_MS) return;
    setTimeout(() => {
      if (this.#cancelledAt < came - TOGETHER_MS) this.#stop();
    }, UNEXPLAINED_MS);
  }

  // ---- the code ----

  async #load() {
    try {
      const version = Number.parseInt(process.versions.node, 10);
      if (version < NODE_LEAST) {
        throw new LoadError(
          `this is Node.js ${process.versions.node} (${process.execPath}); functions in JavaScript need ${NODE_LEAST} or newer: ` +
            "install it, and start the server with its folder first in PATH");
      }
      if (this.#setup.abi !== wire.ABI_VERSION) {
        throw new LoadError(`the node speaks version ${this.#setup.abi} of the protocol, this worker ${wire.ABI_VERSION}`);
      }
      const program = new Program(this.#setup);
      await program.load();
      this.#filesAtLoad = new Set(fs.readdirSync(program.scratch));
      this.#program = program;
      this.#channel.queue(wire.FRAME_READY, 0, 0, 0);
    } catch (error) {
      this.#failLoad(error);
    }
  }

  #failLoad(error) {
    this.#channel.queue(wire.FRAME_FAILED, 0, 0, 0, describeFailure(error));
    this.#end(1);
  }

  // ---- tasks ----

  async #runAll() {
    while (this.#queue.length && !this.#isEnding) {
      const task = (this.#running = this.#queue.shift());
      let error = null;
      try {
        await current.run(task, () => this.#attempt(task));
      } catch (thrown) {
        error = thrown ?? new Error(`${thrown} was thrown, which is no Error`);
      }
      if (this.#isEnding) return;
      this.#running = null;
      if (task.cancelReason !== null && !(error instanceof Cancelled)) error = new Cancelled(task.cancelReason);
      this.#answer(task, error);
      this.#clear(task);
      if (this.#isStopping) this.#end(0);
    }
  }

  async #attempt(task) {
    const values = await task.arguments();
    task.queue(wire.FRAME_STARTED, 0, 0);
    if (!this.#program.isStartedLazy) this.#channel.flush();
    // In `await` only where it is a promise: a generator is one step less from its first element.
    let result = this.#program.function(values, task.context);
    if (typeof result?.then === "function") result = await result;
    await deliver(task, result);
    await task.closeOutputs();
  }

  #answer(task, error) {
    if (error === null) this.#channel.queue(wire.FRAME_DONE, 0, 0, task.handle);
    else this.#channel.queue(wire.FRAME_FAILED, 0, 0, task.handle, describeFailure(error));
    this.#tasks.delete(task.handle);
    task.finish();
    this.#channel.flush();
  }

  // What a task leaves behind: put right where possible, else the worker ends.
  #clear(task) {
    const { scratch } = this.#program;
    process.chdir(scratch);
    for (const name of fs.readdirSync(scratch)) {
      if (this.#filesAtLoad.has(name)) continue;
      try {
        fs.rmSync(path.join(scratch, name), { recursive: true, force: true });
      } catch {
        // It goes with the worker's folder.
      }
    }
    if (process.getActiveResourcesInfo().includes("ProcessWrap")) {
      this.#say(`this worker ends after task ${task.about.path}: processes were left running`);
      this.#isStopping = true;
    }
  }

  // An exception or rejection that nobody caught. It fails the task that it belongs to; and since that
  // task's code may still be running, the worker ends. Of a task that has ended it is a line in the log.
  #onStray(error) {
    if (this.#isEnding) return;
    const task = current.getStore() ?? this.#running;
    if (!this.#program && !task) {
      this.#failLoad(error);
    } else if (task && task === this.#running && !(error instanceof Cancelled && task.isEnded)) {
      this.#answer(task, error ?? new Error(`${error} was thrown, which is no Error`));
      this.#end(0);
    } else if (!(error instanceof Cancelled)) {
      this.#say(`after the end of a task: ${error?.stack ?? error}`);
    }
  }

  // ---- the end ----

  #stop() {
    this.#isStopping = true;
    if (!this.#running && !this.#queue.length) this.#end(0);
  }

  // Without waiting for what functions left running.
  #end(status) {
    this.#isEnding = true;
    this.#channel.close(() => process.exit(status));
  }

  #say(text) {
    fs.writeSync(2, `sluice: ${text}\n`);
  }
}

export function serve(fd) {
  return new Worker(fd);
}
