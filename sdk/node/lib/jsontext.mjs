// JSON as the workflow language has it: finite numbers, at most 64 levels, at most 16 MiB, Unicode
// text without lone surrogates. JSON.stringify alone would turn what it does not know into null.

import { TooLarge } from "./errors.mjs";

const DEPTH_MAX = 64;
const TEXT_MAX = 16 << 20;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

export class NotJson extends Error {}

export function fits64(value) {
  return value >= INT_MIN && value <= INT_MAX;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function parseText(bytes) {
  return utf8.decode(bytes);
}

export function parseJson(bytes) {
  let text;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new NotJson("it is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NotJson(error.message);
  }
}

// What the value is as JSON sees it, after toJSON; throws for what is none. `found.isBig`: it holds a BigInt.
function check(value, depth, found) {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new NotJson("a string in it has a lone surrogate, which is not Unicode text");
      return;
    case "number":
      if (!Number.isFinite(value)) throw new NotJson(`${value} is not JSON: use null or text`);
      return;
    case "bigint":
      if (!fits64(value)) throw new NotJson("a BigInt in it does not fit 64 bits: use text");
      found.isBig = true;
      return;
    case "boolean":
    case "undefined": // Left out of an object, null in an array, as JavaScript does.
      return;
    case "object":
      break;
    default:
      throw new NotJson(`a ${typeof value} is not JSON`);
  }
  if (value === null) return;
  if (typeof value.toJSON === "function" && !(value instanceof Uint8Array)) {
    check(value.toJSON(), depth, found);
    return;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new NotJson(
      `${value.constructor.name} inside a JSON value: give it an output of type \`bytes\` or \`array\`, or use Array.from(...)`);
  }
  if (value instanceof Map) throw new NotJson("a Map is not JSON: return Object.fromEntries(map)");
  if (value instanceof Set) throw new NotJson("a Set is not JSON: return [...set]");
  if (value instanceof Promise) throw new NotJson("a Promise in it is not awaited");
  if (depth >= DEPTH_MAX) throw new NotJson(`it is nested deeper than ${DEPTH_MAX}, or contains itself`);
  if (Array.isArray(value)) for (const each of value) check(each, depth + 1, found);
  else
    for (const key of Object.keys(value)) {
      if (!key.isWellFormed()) throw new NotJson("a key in it has a lone surrogate, which is not Unicode text");
      check(value[key], depth + 1, found);
    }
}

// JSON.stringify, with BigInts as the numbers they are.
function write(value) {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (typeof value.toJSON === "function") return write(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((each) => write(each) ?? "null").join(",")}]`;
  const members = [];
  for (const key of Object.keys(value)) {
    const text = write(value[key]);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(",")}}`;
}

// UTF-8 bytes. Throws NotJson, or TooLarge beyond 16 MiB.
export function jsonBytes(value) {
  const found = { isBig: false };
  check(value, 0, found);
  const text = found.isBig ? write(value) : JSON.stringify(value);
  if (text === undefined) throw new NotJson("undefined is not JSON: return null");
  const bytes = Buffer.from(text);
  if (bytes.length > TEXT_MAX) {
    throw new TooLarge(
      `${bytes.length} bytes of JSON are more than ${TEXT_MAX}: return bytes, an array or a file, or a list whose elements are smaller`);
  }
  return bytes;
}
