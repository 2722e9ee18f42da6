// Which task code belongs to, also in what it left running: so that a timer of a task that has ended
// cannot emit into the next one. Kept where every copy of this package finds it: an app may bring one
// in its node_modules, and the worker has its own.

import { AsyncLocalStorage } from "node:async_hooks";

const KEY = Symbol.for("sluice.current");

export const current = (globalThis[KEY] ??= new AsyncLocalStorage());

// The context of the task that the caller belongs to. Throws where there is none, as in a unit test.
export function context() {
  const task = current.getStore();
  if (!task) throw new Error("there is no task: context() is for functions that Sluice runs");
  return task.context;
}
