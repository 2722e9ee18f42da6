// From what the function gives to frames: kinds, encodings, and the ways a value travels. Up to 16 KiB
// it is inline; a larger one is sent in pieces under credit.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { InvalidOutput, TooLarge } from "./errors.mjs";
import { fits64, jsonBytes, NotJson } from "./jsontext.mjs";
import { NdArray, npyParts } from "./ndarray.mjs";
import * as wire from "./wire.mjs";

const PIECE = 48 * 1024;
const NO_NAME = Buffer.alloc(0);

export function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  return `a value of class ${value.constructor?.name ?? "Object"}`;
}

// One declared output.
export class Output {
  constructor(port, name, type, isOptional) {
    this.port = port;
    this.name = name;
    this.type = type;
    this.isOptional = isOptional || type.head === "optional";
    this.isList = type.plain.head === "list";
    this.element = this.isList ? type.plain.inner : type.plain;
    this.encode = ENCODERS[this.element.plain.head];
  }

  wrong(what) {
    return new InvalidOutput(`output \`${this.name}\`: ${what}`);
  }
}

// ---- encoders: (output, value) -> { kind, name, mode, parts } or { kind, name, mode, fd, size, path } ----

function inMemory(kind, ...parts) {
  return { kind, name: NO_NAME, mode: 0, parts };
}

function raw(value) {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value);
  return undefined;
}

function isFileUrl(value) {
  return value instanceof URL && value.protocol === "file:";
}

function fromFile(output, value, kind) {
  const file = isFileUrl(value) ? fileURLToPath(value) : value;
  let fd;
  try {
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    throw output.wrong(`the file ${JSON.stringify(file)} cannot be read: ${error.code}`);
  }
  const status = fs.fstatSync(fd);
  const name = Buffer.from(path.basename(file));
  if (!status.isFile() || name.length > wire.NAME_MAX) {
    fs.closeSync(fd);
    throw output.wrong(
      status.isFile() ? `the name of the file is longer than ${wire.NAME_MAX} bytes` : `${JSON.stringify(file)} is no regular file`);
  }
  const isFile = kind === wire.KIND_FILE;
  return { kind, name: isFile ? name : NO_NAME, mode: isFile ? status.mode & 0o777 : 0, fd, size: status.size, path: file };
}

function encodeBytes(output, value) {
  const bytes = raw(value);
  if (bytes) return inMemory(wire.KIND_BYTES, bytes);
  if (isFileUrl(value)) return fromFile(output, value, wire.KIND_BYTES);
  const advice = typeof value === "string" ? ": return Buffer.from(text), or declare it as `text`" : "";
  throw output.wrong(`${describe(value)} is not bytes${advice}`);
}

function encodeText(output, value) {
  if (typeof value !== "string") {
    throw output.wrong(`${describe(value)} is not text${raw(value) ? ": return data.toString(), or declare it as `bytes`" : ""}`);
  }
  if (!value.isWellFormed()) throw output.wrong("it has a lone surrogate, which is not Unicode text");
  return inMemory(wire.KIND_TEXT, Buffer.from(value));
}

function encodeJson(output, value) {
  try {
    return inMemory(wire.KIND_JSON, jsonBytes(value));
  } catch (error) {
    if (error instanceof NotJson) throw output.wrong(error.message);
    if (error instanceof TooLarge) throw new TooLarge(`output \`${output.name}\`: ${error.message}`);
    throw error;
  }
}

function encodeInt(output, value) {
  if (typeof value === "number" && Number.isInteger(value)) value = BigInt(value);
  if (typeof value !== "bigint") throw output.wrong(`${describe(value)} is no int`);
  if (!fits64(value)) throw output.wrong("the number does not fit 64 bits: return it as text");
  return inMemory(wire.KIND_JSON, Buffer.from(value.toString()));
}

function encodeFloat(output, value) {
  if (typeof value === "bigint") value = Number(value);
  if (typeof value !== "number") throw output.wrong(`${describe(value)} is no float`);
  if (!Number.isFinite(value)) throw output.wrong(`${value} is not JSON: use null or text`);
  const text = String(value);
  return inMemory(wire.KIND_JSON, Buffer.from(/^-?\d+$/.test(text) ? `${text}.0` : text));
}

function encodeBool(output, value) {
  if (typeof value !== "boolean") throw output.wrong(`${describe(value)} is no bool`);
  return inMemory(wire.KIND_JSON, Buffer.from(String(value)));
}

function encodeArray(output, value) {
  try {
    return inMemory(wire.KIND_ARRAY, ...npyParts(value instanceof NdArray ? value : new NdArray(value)));
  } catch (error) {
    throw output.wrong(`${error.message}: return an NdArray, or a typed array`);
  }
}

function encodeFile(output, value) {
  if (typeof value === "string" || isFileUrl(value)) return fromFile(output, value, wire.KIND_FILE);
  const bytes = raw(value);
  if (!bytes) throw output.wrong(`${describe(value)} is no file: return its path, or its bytes`);
  return { ...inMemory(wire.KIND_FILE, bytes), name: Buffer.from(output.name), mode: 0o644 };
}

function encodeAny(output, value) {
  if (value instanceof NdArray) return encodeArray(output, value);
  if (raw(value)) return encodeBytes(output, value);
  if (typeof value === "string") return encodeText(output, value);
  return isFileUrl(value) ? encodeFile(output, value) : encodeJson(output, value);
}

function encodeInnerList(output, value) {
  if (!Array.isArray(value)) throw output.wrong(`an element is ${describe(value)}, not an array`);
  const inner = output.element.plain.inner.plain.head;
  if (["bytes", "array", "file"].includes(inner)) {
    throw output.wrong(`a list inside a list holds JSON, not ${inner}: emit the inner elements as one list`);
  }
  return encodeJson(output, value);
}

const ENCODERS = {
  bytes: encodeBytes, text: encodeText, json: encodeJson, int: encodeInt, float: encodeFloat, bool: encodeBool,
  array: encodeArray, file: encodeFile, any: encodeAny, list: encodeInnerList,
};

// ---- sending; one value at a time: Task keeps the order ----

// Sends a small value at once; false: it is large or there is no credit, so that send() must wait for it.
export function trySend(task, output, encoded) {
  if (encoded.fd !== undefined) return false;
  let size = 0;
  for (const part of encoded.parts) size += part.length;
  if (size > task.program.inlineMax || size > task.credit) return false;
  task.credit -= size;
  const header = wire.valueHeader(encoded.kind, encoded.name.length, encoded.mode, size);
  task.queue(wire.FRAME_EMIT, wire.PLACE_INLINE, output.port, header, encoded.name, ...encoded.parts);
  return true;
}

export async function send(task, output, encoded) {
  if (encoded.fd !== undefined) {
    try {
      return await sendFile(task, output, encoded);
    } finally {
      fs.closeSync(encoded.fd);
    }
  }
  let size = 0;
  for (const part of encoded.parts) size += part.length;
  if (size <= task.program.inlineMax) {
    await task.awaitCredit(size);
    trySend(task, output, encoded);
    return;
  }
  begin(task, output, encoded, size);
  for (const part of encoded.parts) await grow(task, output, part);
  task.queue(wire.FRAME_SEAL, 0, output.port);
}

function begin(task, output, encoded, size) {
  const header = wire.valueHeader(encoded.kind, encoded.name.length, encoded.mode, size);
  task.queue(wire.FRAME_EMIT, wire.PLACE_OPEN, output.port, header, encoded.name);
}

// Sends bytes of the value that is open on this output, under credit.
export async function grow(task, output, data) {
  for (let at = 0; at < data.length; at += PIECE) {
    const piece = data.subarray(at, at + PIECE);
    if (task.credit < piece.length) await task.awaitCredit(piece.length);
    task.credit -= piece.length;
    task.queue(wire.FRAME_GROW, 0, output.port, piece);
    task.channel.flush();
  }
}

async function sendFile(task, output, encoded) {
  begin(task, output, encoded, encoded.size);
  let done = 0;
  while (done < encoded.size) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, encoded.size - done));
    const count = fs.readSync(encoded.fd, piece, 0, piece.length, done);
    if (!count) break;
    await grow(task, output, piece.subarray(0, count));
    done += count;
  }
  if (done !== encoded.size || fs.fstatSync(encoded.fd).size !== encoded.size) {
    throw output.wrong(`the file ${JSON.stringify(encoded.path)} changed its size while it was read`);
  }
  task.queue(wire.FRAME_SEAL, 0, output.port);
}
