// From what a function returned or yields to its outputs.

import { InvalidOutput } from "./errors.mjs";
import { describe } from "./outputs.mjs";

function iteratorOf(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value)) return undefined;
  return value[Symbol.asyncIterator]?.() ?? value[Symbol.iterator]?.();
}

const isGenerator = (value) =>
  value !== null && typeof value === "object" && typeof value.next === "function" && typeof value.throw === "function" &&
  (Symbol.asyncIterator in value || Symbol.iterator in value);

// With one output the result is it; with several it is an object; what a generator yields goes to the only list.
export async function deliver(task, result) {
  const { outputs } = task.program;
  if (isGenerator(result)) {
    await exhaust(task, result);
  } else if (outputs.length === 1) {
    await fill(task, outputs[0], result);
  } else if (outputs.length) {
    await fillSeveral(task, result);
  } else if (result !== undefined && result !== null) {
    throw new InvalidOutput(`${describe(result)} was returned, but no output is declared`);
  }
}

async function exhaust(task, generator) {
  const { outputs } = task.program;
  const lists = outputs.filter((output) => output.isList);
  if (lists.length !== 1) {
    await generator.return?.();
    throw new InvalidOutput(
      `the function is a generator, but ${lists.length ? "several of its outputs are lists" : "none of its outputs is a list"}: ` +
        "declare one output as `list<…>`, or use context().emit(name, value)");
  }
  const [list] = lists;
  let result;
  try {
    while (true) {
      const step = await generator.next();
      if (step.done) {
        result = step.value;
        break;
      }
      await task.emit(list, step.value);
    }
  } catch (error) {
    // Its `finally` blocks run; what they throw is less than what happened first.
    await Promise.resolve(generator.return?.()).catch(() => {});
    throw error;
  }
  if (outputs.length > 1) {
    await fillSeveral(task, result, list);
  } else if (result !== undefined) {
    throw list.wrong(`${describe(result)} was returned after elements were yielded, and there is no other output`);
  }
}

const mayLack = (task, output) => task.filled.has(output) || output.isOptional || output.isList;

async function fillSeveral(task, result, yielded) {
  const outputs = task.program.outputs.filter((output) => output !== yielded);
  const names = outputs.map((output) => `\`${output.name}\``).join(", ");
  result ??= {};
  if (typeof result !== "object" || Array.isArray(result) || ArrayBuffer.isView(result)) {
    throw new InvalidOutput(`${describe(result)} was returned; with several outputs it is an object with ${names}`);
  }
  const known = new Set(outputs.map((output) => output.name));
  const problems = outputs
    .filter((output) => !Object.hasOwn(result, output.name) && !mayLack(task, output))
    .map((output) => `lacks \`${output.name}\``);
  for (const name of Object.keys(result)) if (!known.has(name)) problems.push(`has \`${name}\``);
  if (problems.length) throw new InvalidOutput(`what was returned ${problems.join(" and ")}; it is an object with ${names}`);
  for (const output of outputs) {
    if (Object.hasOwn(result, output.name)) await fill(task, output, result[output.name]);
  }
}

async function fill(task, output, value) {
  if (!output.isList) {
    const isNothing = value === undefined || (value === null && output.isOptional);
    if (!isNothing || !mayLack(task, output)) await task.emit(output, value);
    return;
  }
  if (value === undefined || value === null) return; // Nothing was added.
  if (Array.isArray(value)) {
    for (const element of value) await task.emit(output, element);
    return;
  }
  const iterator = value instanceof Set || value instanceof Map ? undefined : iteratorOf(value);
  if (!iterator) throw output.wrong(`${describe(value)} is no list${value instanceof Set ? ": return [...set]" : ""}`);
  for (let step; !(step = await iterator.next()).done; ) await task.emit(output, step.value);
}
