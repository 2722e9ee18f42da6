// The functions of the conformance suite in JavaScript. functions.py and functions.cc say the same.

import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { context } from "sluice";

class TooSalty extends TypeError {}

async function waitFor(path) {
  const deadline = Date.now() + 300_000;
  while (!fs.existsSync(path)) {
    if (Date.now() > deadline) throw new Error(`nobody wrote ${path}`);
    await sleep(2);
  }
}

const writeFile = (path) => fs.writeFileSync(path, "");

export const echo_bytes = ({ x }) => x;
export const echo_text = ({ x }) => x;
export const echo_json = async ({ x }) => x;
export const echo_int = ({ x }) => x;
export const echo_float = ({ x }) => x;
export const echo_bool = ({ x }) => x;
export const echo_any = ({ x }) => x;
export const echo_array = ({ x }) => x;
export const echo_texts = ({ x }) => x;
export const echo_lists = ({ x }) => x;

export function file_name({ x }) {
  if (fs.readFileSync(x, "utf8") !== "content") throw new Error("another content");
  return x.split("/").at(-1);
}

export function make_file({ name }) {
  fs.writeFileSync(name, "made");
  return name;
}

export async function holes({ x }) {
  const parts = [];
  for await (const each of x) parts.push(each === null ? "-" : String(each));
  return parts.join(",");
}

export function* odds({ n }) {
  for (let i = 0; i < n; i++) yield i % 2 ? i : null;
}

export const all_odds = (inputs) => [...odds(inputs)];

export const plus_default = ({ x, y }) => x + y;
export const maybe_in = ({ x }) => (x === null ? "absent" : String(x));
export const maybe_out = ({ x }) => (x > 0 ? x : null);
export const two = async ({ x }) => ({ double: 2 * x, name: `n${x}` });

export function* words({ text }) {
  for (const word of text.split(/\s+/)) if (word) yield word;
}

export async function* count_to({ n }) {
  for (let i = 0; i < n; i++) yield i;
}

export async function total({ numbers }) {
  let sum = 0;
  for await (const number of numbers) sum += number;
  return sum;
}

export function pattern({ n }) {
  const data = Buffer.alloc(n);
  for (let i = 0; i < n; i++) data[i] = i % 251;
  return data;
}

function sumOf(bytes) {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return sum;
}

export const checksum = ({ data }) => sumOf(data);

export async function pipe_checksum({ data }) {
  let sum = 0;
  for await (const piece of data) sum += sumOf(piece);
  return sum;
}

export async function emit_and_return({ n }) {
  for (let i = 0; i < n; i++) await context().emit("list", i);
  return { last: n };
}

export function write_pieces({ n }) {
  const out = context().open("out");
  for (let i = 0; i < n; i++) out.write(`line ${i}\n`);
  out.end();
}

export async function write_many_bytes({ n }) {
  const out = context().open("out");
  for (let i = 0; i < n; i++) {
    if (!out.write(Buffer.alloc(100_000, i % 256))) await new Promise((resolve) => out.once("drain", resolve));
  }
}

export function about({ x }, task) {
  return {
    step: task.step, path: task.path, index: task.index, attempt: task.attempt, token: task.token.length,
    run: task.run.length, deadline: task.deadline !== null,
  };
}

export function chatty({ x }) {
  console.log("printed", x);
  context().log("logged");
  return x;
}

export function second_attempt({ x }) {
  if (context().attempt === 1) throw new TooSalty("the first is not good");
  return x;
}

export function counts_tasks({ x }) {
  const leftover = fs.existsSync("left");
  writeFile("left");
  return leftover ? 1 : 0;
}

export async function fail_by_class({ x }) {
  console.log("tasting", x);
  throw new TooSalty("no more salt");
}

export const fail_by_exit = ({ x }) => process.exit(7);
export const fail_by_signal = ({ x }) => process.kill(process.pid, "SIGSEGV") && sleep(600_000);
export const fail_by_type = ({ x }) => "text";
export const fail_by_nothing = ({ x }) => undefined;

export async function fail_by_twice({ x }) {
  await context().emit("y", 1);
  await context().emit("y", 2);
}

export const fail_by_unknown_output = ({ x }) => context().emit("nothing", 1);
export const fail_by_text = ({ x }) => "\ud800";

export async function* fail_in_list({ x }) {
  yield 1;
  throw new TooSalty("after the first");
}

export function hang({ x }) {
  while (true);
}

export async function hang_in_read({ numbers, latch }) {
  writeFile(`${latch}/reading`);
  try {
    return await total({ numbers });
  } catch (error) {
    writeFile(`${latch}/${error.name}`);
    throw error;
  }
}

export async function* emit_and_hang({ latch }) {
  yield 1;
  await sleep(600_000, undefined, { signal: context().signal });
}

export async function* late_output({ x }) {
  const task = context();
  setTimeout(async () => {
    for (let i = 0; i < 20; i++) await task.emit("y", 1000 + i).catch(() => {});
    await context().emit("y", 2000).catch(() => {});
  }, 50);
  yield x;
}

export async function* latch_split({ latch }) {
  yield "a b a";
  await waitFor(`${latch}/counted-0`);
  yield "b b";
  yield "c";
}

export async function latch_count({ chunk, n, latch }) {
  if (n === 0) writeFile(`${latch}/counted-0`);
  if (n === 2) await waitFor(`${latch}/merged-0`);
  return chunk.split(" ").length;
}

export async function latch_merge({ counts, latch }) {
  let found = 0;
  let n = 0;
  for await (const each of counts) {
    found += each;
    writeFile(`${latch}/merged-${n++}`);
  }
  return found;
}

export async function latch_write({ latch }) {
  const out = context().open("out");
  out.write("first");
  await waitFor(`${latch}/read`);
  out.end(" and second");
}

export async function latch_read({ data, latch }) {
  let text = "";
  for await (const piece of data) {
    text += piece;
    writeFile(`${latch}/read`);
  }
  return text;
}

// Only here: what other languages do not have.

export const fail_by_rejection = async ({ x }) => {
  Promise.reject(new TooSalty("nobody looked"));
  await sleep(600_000);
};

export const fail_by_timer = async ({ x }) => {
  setTimeout(() => {
    throw new TooSalty("in a timer");
  }, 1);
  await sleep(600_000);
};

