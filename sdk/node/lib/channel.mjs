// The connection to the node: frames in and out. Node.js reads for us; what is queued in one turn
// leaves in one write.

import net from "node:net";

import { ProtocolError } from "./errors.mjs";
import { FRAME_MAX, HEADER_SIZE } from "./wire.mjs";

const NOTHING = Buffer.alloc(0);

export class Channel {
  #socket;
  #rest = NOTHING; // The begin of a frame that is not whole yet.
  #pending = [];
  #isFlushDue = false;
  #onFrame;

  // onFrame(type, flags, port, handle, payload); the payload is the frame's own memory.
  constructor(fd, onFrame, onGone, onBroken) {
    this.#onFrame = onFrame;
    this.#socket = new net.Socket({ fd, readable: true, writable: true, allowHalfOpen: false });
    this.#socket.on("data", (chunk) => {
      try {
        this.#receive(chunk);
      } catch (error) {
        onBroken(error);
      }
    });
    this.#socket.on("close", onGone);
    this.#socket.on("error", () => {}); // `close` follows.
  }

  #receive(chunk) {
    let data = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (data.length - at >= HEADER_SIZE) {
      const length = data.readUInt32LE(at);
      const type = data[at + 4];
      if (length > FRAME_MAX) throw new ProtocolError(`a frame of ${length} bytes (type ${type})`);
      const end = at + HEADER_SIZE + length;
      if (end > data.length) break;
      const handle = data.readUInt32LE(at + 8) + data.readUInt32LE(at + 12) * 2 ** 32;
      this.#onFrame(type, data[at + 5], data.readUInt16LE(at + 6), handle, data.subarray(at + HEADER_SIZE, end));
      at = end;
    }
    this.#rest = at === data.length ? NOTHING : data.subarray(at);
  }

  // Adds a frame; it leaves with the next flush(), at the latest at the end of this turn.
  queue(type, flags, port, handle, ...parts) {
    let length = 0;
    for (const part of parts) length += part.length;
    const header = Buffer.allocUnsafe(HEADER_SIZE);
    header.writeUInt32LE(length, 0);
    header[4] = type;
    header[5] = flags;
    header.writeUInt16LE(port, 6);
    header.writeUInt32LE(handle % 2 ** 32, 8);
    header.writeUInt32LE(Math.floor(handle / 2 ** 32), 12);
    this.#pending.push(header, ...parts);
    if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      queueMicrotask(() => this.flush());
    }
  }

  flush() {
    this.#isFlushDue = false;
    if (!this.#pending.length) return;
    const data = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending.length = 0;
    this.#socket.write(data);
  }

  // What is queued is sent, then `then` is called; also when the node is gone.
  close(then) {
    this.flush();
    this.#socket.removeAllListeners("close");
    this.#socket.once("close", then);
    this.#socket.destroySoon();
  }
}
