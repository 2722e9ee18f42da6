// The numbers of wire.mjs are those of abi.h.

import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";

import * as wire from "../lib/wire.mjs";

const header = fs.readFileSync(new URL("../../../src/wire/abi.h", import.meta.url), "utf8");

function numberOf(name) {
  const found = new RegExp(`SLUICE_${name}(?:\\s*=\\s*|\\s+\\\\?\\s*)(\\(?[0-9][0-9 *]*\\)?)`).exec(header);
  assert.ok(found, `SLUICE_${name} is in abi.h`);
  return found[1].replace(/[()]/g, "").split("*").reduce((product, each) => product * Number(each), 1);
}

test("every number is that of the header", () => {
  const names = Object.keys(wire).filter((name) => /^(ABI_VERSION|HEADER_SIZE|FRAME|INLINE|CREDIT_|TASKS|PLACE|FLAG|KIND|HELLO)/.test(name))
    .filter((name) => typeof wire[name] === "number");
  assert.ok(names.length > 40, `${names.length} numbers`);
  for (const name of names) assert.equal(wire[name], numberOf(name), name);
});

test("every frame of the header is known", () => {
  const frames = [...header.matchAll(/SLUICE_(FRAME_[A-Z]+)\s*=/g)].map((found) => found[1]);
  assert.ok(frames.length >= 22);
  for (const name of frames) assert.equal(typeof wire[name], "number", name);
});

test("a value's header is laid out as sluice_value", () => {
  const value = wire.valueHeader(5, 3, 0o644, 2 ** 33 + 1);
  assert.equal(value.length, 16);
  assert.deepEqual([value[0], value.readUInt16LE(4), value.readUInt16LE(6), value.readBigUInt64LE(8)], [5, 3, 0o644, 2n ** 33n + 1n]);
  assert.equal(wire.valueHeader(1, 0, 0, -1).readBigUInt64LE(8), 2n ** 64n - 1n);
});
