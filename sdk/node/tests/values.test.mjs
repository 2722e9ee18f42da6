// What is read and written without a node: JSON, arrays, names of failures, what a parameter names.

import assert from "node:assert/strict";
import test from "node:test";

import { context, NdArray, Pipe, Stream } from "../index.mjs";
import { describeFailure } from "../lib/failure.mjs";
import { jsonBytes, NotJson } from "../lib/jsontext.mjs";
import { npyParts, parseNpy } from "../lib/ndarray.mjs";
import { patternOf } from "../lib/pattern.mjs";

const failure = (error) => JSON.parse(describeFailure(error));

test("what is no JSON is refused, not turned into null", () => {
  const cycle = {};
  cycle.self = cycle;
  for (const value of [NaN, Infinity, () => 1, Symbol("a"), new Map(), new Set(), Buffer.from("a"), { a: [new Uint8Array(1)] },
    "\ud800", 2n ** 63n, cycle, undefined, Promise.resolve(1)]) {
    assert.throws(() => jsonBytes(value), NotJson, typeof value);
  }
});

test("a BigInt is the number that it is", () => {
  assert.equal(jsonBytes({ a: [2n ** 62n, null, "ü"], b: undefined, c: new Date(0) }).toString(),
    '{"a":[4611686018427387904,null,"ü"],"c":"1970-01-01T00:00:00.000Z"}');
});

test("an array survives .npy, with its data aligned", () => {
  const [header, data] = npyParts(new NdArray(new Float64Array([1, 2, 3, 4, 5, 6]), [2, 3]));
  assert.equal(header.length % 64, 0);
  const read = parseNpy(Buffer.concat([header, data]));
  assert.deepEqual([...read.data], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([read.shape, read.dtype, read.isFortran], [[2, 3], "<f8", false]);
  assert.throws(() => parseNpy(Buffer.concat([header, data.subarray(1)])), RangeError);
  assert.throws(() => new NdArray(new Int8Array(5), [2, 3]), RangeError);
});

test("an error is named by its class, or by the name that it has", () => {
  class TooSalty extends TypeError {}
  class Named extends Error {
    name = "OwnName";
  }
  assert.equal(failure(new TooSalty("x")).name, "TooSalty");
  assert.deepEqual(failure(new TooSalty("x")).bases.slice(0, 2), ["TypeError", "Error"]);
  assert.equal(failure(new Named("x")).name, "OwnName");
  assert.ok(failure(new Named("x")).bases.includes("Named"));
  assert.ok(failure(Object.assign(new Error("x"), { code: "ENOENT" })).bases.includes("ENOENT"));
  assert.equal(failure("text").name, "Error");
  assert.ok(describeFailure(new Error("x".repeat(100_000), { cause: new Error("y".repeat(100_000)) })).length <= 16384);
});

test("a pattern says which inputs are read and which have a default", () => {
  const names = (found) => found && [[...found.names], [...found.defaults], found.hasRest];
  assert.deepEqual(names(patternOf(({ a, b = 3, c: renamed = { x: [1, "}"] }, ...rest }) => a)), [["a", "b", "c"], ["b", "c"], true]);
  assert.deepEqual(names(patternOf(async function* work({ a /* } */, b = "),{" }) {})), [["a", "b"], ["b"], false]);
  assert.equal(patternOf((inputs) => inputs), null);
  assert.equal(patternOf(function () {}), null);
  assert.equal(patternOf(Math.max), null);
});

test("functions are tested with streams and pipes of their own", async () => {
  assert.deepEqual(await new Stream([1, 2]).toArray(), [1, 2]);
  let text = "";
  for await (const piece of Pipe.of("a", Buffer.from("b"))) text += piece;
  assert.equal(text, "ab");
  assert.throws(() => context(), /there is no task/);
});
