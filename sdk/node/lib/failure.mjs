// What the node is told about a failure.

import { fileURLToPath } from "node:url";

import { FAILED_MAX } from "./wire.mjs";

const MESSAGE_MAX = 4096;
const HERE = new URL(".", import.meta.url);
const OURS = [HERE.href, fileURLToPath(HERE), new URL("../worker.mjs", import.meta.url).href];

// Also in a Node.js that is too old for this package: that it is, is said from here.
const wellFormed = (text) => text.toWellFormed?.() ?? text;

function textOf(value) {
  try {
    return String(value);
  } catch {
    return "(it cannot be shown as text)";
  }
}

// The names that an error goes by, the most special one first: `name` where the class or the object
// sets it, else the class; then those of its bases, and the code of an error of the system.
function namesOf(error) {
  const names = [];
  const add = (name) => {
    if (typeof name === "string" && name && name !== "Object" && !names.includes(name)) names.push(name);
  };
  if (Object.hasOwn(error, "name")) add(error.name);
  for (let each = Object.getPrototypeOf(error); each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    if (Object.hasOwn(each, "name")) add(each.name);
    if (Object.hasOwn(each, "constructor")) add(each.constructor?.name);
  }
  add(error.code);
  return names.slice(0, 32);
}

function isOurs(line) {
  return OURS.some((place) => line.includes(place)) || line.includes("(node:internal/") || line.includes("at node:internal/");
}

// The stack as Node.js prints it, without the frames of the SDK, and what it was caused by.
function traceOf(error, depth = 0) {
  try {
    const stack = typeof error?.stack === "string" ? error.stack : "";
    let text = stack.split("\n").filter((line) => !/^\s+at /.test(line) || !isOurs(line)).join("\n");
    if (error?.cause && depth < 8) text += `\nCaused by: ${traceOf(error.cause, depth + 1) || textOf(error.cause)}`;
    return text;
  } catch {
    return "";
  }
}

// At most 16 KiB of JSON: the middle of the trace goes first.
function payload(name, message, trace, bases) {
  message = wellFormed(message);
  trace = wellFormed(trace);
  if (message.length > MESSAGE_MAX) message = `${wellFormed(message.slice(0, MESSAGE_MAX))} …`;
  for (let keep = 12000; ; keep = Math.floor((keep * 2) / 3)) {
    if (trace.length > keep) {
      const head = Math.floor(keep / 3);
      trace = wellFormed(`${trace.slice(0, head)}\n  … (shortened) …\n${trace.slice(trace.length - (keep - head))}`);
    }
    const data = Buffer.from(JSON.stringify({ name: wellFormed(name.slice(0, 200)), message, trace, bases }));
    if (data.length <= FAILED_MAX) return data;
    if (keep <= 500) message = wellFormed(message.slice(0, Math.floor((message.length * 2) / 3)));
  }
}

// The payload of `failed`.
export function describeFailure(error) {
  if (error === null || (typeof error !== "object" && typeof error !== "function")) {
    return payload("Error", `${textOf(error)} was thrown, which is no Error`, "", []);
  }
  let names = ["Error"];
  let message = "";
  try {
    names = namesOf(error);
    message = textOf(error.message ?? error);
  } catch {
    // A getter of it throws: the name has to do.
  }
  const [name = "Error", ...bases] = names;
  const isQuiet = ["Cancelled", "InvalidInput", "InvalidOutput", "TooLarge"].includes(name) && !/\n\s+at (?!.*node:)/.test(traceOf(error));
  const trace = name === "LoadError" ? (error.trace ?? "") : isQuiet || name === "Cancelled" ? "" : traceOf(error);
  return payload(name, message, trace, bases);
}

export { traceOf };
