// From an input's bytes to what the function gets. At load each port gets a reader,
// `read(task, input)`, made from the port's type; a call then decides nothing twice.

import { InvalidInput } from "./errors.mjs";
import { HOLE, ListInput, Nested, SingleInput, Value } from "./inputs.mjs";
import { fits64, jsonBytes, NotJson, parseJson, parseText } from "./jsontext.mjs";
import { parseNpy } from "./ndarray.mjs";
import { ANY, PortType } from "./porttype.mjs";
import { Pipe, Stream } from "./stream.mjs";
import * as wire from "./wire.mjs";

const NUMBERS = new Set(["int", "float", "bool"]);

function wrong(name, what) {
  return new InvalidInput(`input \`${name}\`: ${what}`);
}

function kindOfJson(parsed) {
  if (parsed === null) return "null";
  if (Array.isArray(parsed)) return "an array";
  return typeof parsed === "object" ? "an object" : `a ${typeof parsed}`;
}

function json(name, bytes) {
  try {
    return parseJson(bytes);
  } catch (error) {
    if (error instanceof NotJson) throw wrong(name, error.message);
    throw error;
  }
}

// A JSON value where bytes are wanted: a string is UTF-8, {"$base64": …} is decoded.
function jsonAsBytes(name, parsed) {
  if (typeof parsed === "string") return Buffer.from(parsed);
  const encoded = parsed?.$base64;
  if (typeof encoded === "string" && Object.keys(parsed).length === 1) {
    const bytes = Buffer.from(encoded, "base64");
    if (bytes.toString("base64") === encoded) return bytes;
    throw wrong(name, "its $base64 cannot be decoded");
  }
  throw wrong(name, `is JSON (${kindOfJson(parsed)}), not bytes`);
}

// int, float or bool. An int beyond 2^53 is a BigInt: a number would lose its last digits.
function number(name, head, parsed, text) {
  if (head === "int") {
    if (/^-?\d+$/.test(text)) {
      if (Number.isSafeInteger(parsed)) return parsed;
      const big = BigInt(text);
      if (fits64(big)) return big;
      throw wrong(name, `${text.slice(0, 80)} does not fit 64 bits`);
    }
    if (typeof parsed === "number" && Number.isInteger(parsed)) return parsed;
  } else if (typeof parsed === (head === "bool" ? "boolean" : "number") && (head === "bool" || Number.isFinite(parsed))) {
    return parsed;
  }
  throw wrong(name, `${text.slice(0, 80)} is no ${head}`);
}

function text(name, bytes) {
  try {
    return parseText(bytes);
  } catch {
    throw wrong(name, "is not UTF-8 text; take it as bytes");
  }
}

// Readers of one value: (name, head) -> (task, input, value, bytes) -> what the function gets.
const LEAVES = {
  bytes: (name) => (task, input, value, bytes) =>
    value.kind === wire.KIND_JSON ? jsonAsBytes(name, json(name, bytes)) : bytes,
  text: (name) => (task, input, value, bytes) => {
    if (value.kind !== wire.KIND_JSON) return text(name, bytes);
    const parsed = json(name, bytes);
    if (typeof parsed !== "string") throw wrong(name, `is JSON (${kindOfJson(parsed)}), not text`);
    return parsed;
  },
  json: (name, head) => (task, input, value, bytes) => {
    if (value.kind === wire.KIND_TEXT && head === "json") return text(name, bytes);
    if (value.kind !== wire.KIND_JSON) {
      throw wrong(name, `is ${wire.KIND_NAMES[value.kind] ?? value.kind}, not ${head}`);
    }
    const parsed = json(name, bytes);
    return NUMBERS.has(head) ? number(name, head, parsed, text(name, bytes).trim()) : parsed;
  },
  array: (name) => (task, input, value, bytes) => {
    try {
      return parseNpy(bytes);
    } catch (error) {
      if (error instanceof RangeError) throw wrong(name, error.message);
      throw error;
    }
  },
};

function leaf(name, head) {
  if (head === "file") return async (task, input, value) => task.fileOf(name, input, value);
  if (head === "any") {
    const byKind = [, "bytes", "text", "json", "array", "file"].map((each) => each && leaf(name, each));
    return async (task, input, value) => {
      const reader = byKind[value.kind];
      if (!reader) throw wrong(name, `is of an unknown kind (${value.kind})`);
      return reader(task, input, value);
    };
  }
  const make = LEAVES[head] ?? LEAVES.json;
  const read = make(name, head);
  return async (task, input, value) => read(task, input, value, await input.whole(value));
}

// An already parsed JSON value as `type`: elements of an inner list that travelled as one value.
function plainOf(parsed, name, type) {
  if (parsed === null && (type.head === "optional" || ["json", "any"].includes(type.plain.head))) return null;
  const { head, inner } = type.plain;
  if (head === "json" || head === "any") return parsed;
  if (NUMBERS.has(head)) return number(name, head, parsed, JSON.stringify(parsed));
  if (head === "list") {
    if (!Array.isArray(parsed)) throw wrong(name, `an element is ${kindOfJson(parsed)}, not a list`);
    return parsed.map((each) => plainOf(each, name, inner));
  }
  if (head === "text") {
    if (typeof parsed !== "string") throw wrong(name, `an element is ${kindOfJson(parsed)}, not text`);
    return parsed;
  }
  if (head === "bytes") return jsonAsBytes(name, parsed);
  throw wrong(name, `an element is JSON, not ${head}`);
}

// read(task, input, item) for an element of a list: a Value, a Nested or a hole.
function elementReader(name, type) {
  const { head, inner } = type.plain;
  if (type.isList) {
    const element = elementReader(name, inner);
    return async (task, input, item) => {
      if (item === HOLE) return null;
      if (!(item instanceof Nested)) return plainOf(json(name, await input.whole(item)), name, type.plain);
      return takeAll(task, input, element, item);
    };
  }
  const read = leaf(name, head);
  return async (task, input, item) => {
    if (item === HOLE) return null;
    if (!(item instanceof Nested)) return read(task, input, item);
    if (head === "any") return elementReader(name, new PortType("list", ANY))(task, input, item);
    throw wrong(name, `an element is a list, not ${head}`);
  };
}

async function takeAll(task, input, element, nested) {
  const found = [];
  for (let item; (item = await input.takeElement(nested)) !== undefined; ) found.push(await element(task, input, item));
  return found;
}

async function* takeEach(task, input, element) {
  for (let item; (item = await input.takeElement()) !== undefined; ) yield await element(task, input, item);
}

// read(task, input) for a port.
export function compileReader(name, type) {
  const { head, inner } = type.plain;
  if (type.isList) {
    const element = elementReader(name, inner);
    if (head === "stream") return (task, input) => new Stream(takeEach(task, input, element));
    return (task, input) => takeAll(task, input, element);
  }
  if (head === "pipe") {
    return async (task, input) => {
      const value = await input.takeValue();
      return value === HOLE ? null : new Pipe(input.pieces(value), value.name);
    };
  }
  const single = leaf(name, head);
  return async (task, input) => {
    const value = input.value ?? (await input.takeValue());
    return value === HOLE ? null : single(task, input, value);
  };
}

// What frames would have brought for a default, a JSON value.
function defaultItem(name, type, value) {
  const { head, inner } = type.plain;
  if (type.isList) {
    if (!Array.isArray(value)) throw new TypeError(`the default of input \`${name}\` is ${kindOfJson(value)}, not a list`);
    const nested = new Nested();
    nested.items = value.map((each) => defaultItem(name, inner, each));
    nested.isClosed = true;
    return nested;
  }
  if (value === null && (type.head === "optional" || !["json", "any"].includes(head))) return HOLE;
  if (["bytes", "pipe", "file"].includes(head)) {
    const found = new Value(head === "file" ? wire.KIND_FILE : wire.KIND_BYTES, jsonAsBytes(name, value));
    found.name = head === "file" ? name : "";
    return found;
  }
  if (head === "text") {
    if (typeof value !== "string") throw new TypeError(`the default of input \`${name}\` is ${kindOfJson(value)}, not text`);
    return new Value(wire.KIND_TEXT, Buffer.from(value));
  }
  if (head === "array") throw new TypeError(`input \`${name}\`: an array has no default`);
  return new Value(wire.KIND_JSON, jsonBytes(value));
}

// An input that holds its default, as if it had been sent.
export function defaultInput(name, type, value, task, port) {
  const item = defaultItem(name, type, value);
  const input = type.isList ? new ListInput(task, port) : new SingleInput(task, port);
  if (type.isList) input.top = item;
  else input.value = item;
  input.isLocal = true;
  return input;
}
