// The function of this worker: loaded, and what its ports need read once for all tasks.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { LoadError } from "./errors.mjs";
import { traceOf } from "./failure.mjs";
import { ListInput, SingleInput } from "./inputs.mjs";
import { Output } from "./outputs.mjs";
import { patternOf } from "./pattern.mjs";
import { parseType } from "./porttype.mjs";
import { compileReader, defaultInput } from "./reading.mjs";
import { INLINE_MAX } from "./wire.mjs";

const EXTENSIONS = [".mjs", ".js", ".cjs"]; // In this order, as at deploy (src/bundle/code_files.cc).

class Port {
  constructor(index, declared) {
    this.index = index;
    this.name = declared.name;
    this.type = parseType(declared.type);
    this.hasDefault = "default" in declared;
    this.default = declared.default;
    this.read = compileReader(this.name, this.type);
    this.Input = this.type.isList ? ListInput : SingleInput;
    if (this.hasDefault) this.defaultInput(null); // A wrong one is a LoadError.
  }

  // Made anew for each task: code may change what it gets.
  defaultInput(task) {
    return defaultInput(this.name, this.type, this.default, task, this.index);
  }
}

export class Program {
  constructor(setup) {
    this.name = setup.function ?? "";
    this.handler = setup.handler;
    this.code = setup.code;
    this.scratch = setup.scratch;
    this.inlineMax = setup.inline_max ?? INLINE_MAX;
    this.isStartedLazy = Boolean(setup.lazy_started);
    try {
      this.ports = setup.inputs.map((each, index) => new Port(index, each));
      this.outputs = setup.outputs.map(
        (each, index) => new Output(index, each.name, parseType(each.type), Boolean(each.optional)));
    } catch (error) {
      throw new LoadError(`the declared ports of \`${this.name}\`: ${error.message}`);
    }
  }

  async load() {
    const dot = this.handler.lastIndexOf(".");
    const name = this.handler.slice(dot + 1);
    if (dot < 1) throw new LoadError(`handler \`${this.handler}\` is not \`file.export\``);
    const stem = this.handler.slice(0, dot).replaceAll(".", "/");
    const file = EXTENSIONS.map((extension) => path.join(this.code, stem + extension)).find((each) => fs.existsSync(each));
    if (!file) throw new LoadError(`there is no file ${stem}.mjs (or .js, .cjs) in ${this.code}`);
    const shown = path.relative(this.code, file);
    let module;
    try {
      module = await import(pathToFileURL(file));
    } catch (error) {
      throw this.#loadFailure(error, shown);
    }
    const found = module[name] ?? module.default?.[name];
    if (found === undefined) {
      const names = Object.keys(module).filter((each) => typeof module[each] === "function");
      throw new LoadError(`${shown}: there is no export \`${name}\`; its functions: ${names.join(", ") || "none"}`);
    }
    if (typeof found !== "function") throw new LoadError(`${shown}: \`${name}\` is a ${typeof found}, not a function`);
    this.function = found;
    this.#fit(found, shown);
  }

  // Which inputs are passed: those that the parameter names, or all where it does not say.
  #fit(found, shown) {
    const pattern = patternOf(found);
    this.fallbacks = pattern?.defaults ?? new Set();
    this.passed = this.ports;
    if (!pattern) return;
    for (const name of pattern.names) {
      if (pattern.defaults.has(name) || this.ports.some((port) => port.name === name)) continue;
      throw new LoadError(`${shown}: ${this.handler} has a parameter \`${name}\`, but no input is declared for it`);
    }
    if (!pattern.hasRest) this.passed = this.ports.filter((port) => pattern.names.has(port.name));
  }

  #loadFailure(error, shown) {
    const trace = traceOf(error);
    const root = pathToFileURL(this.code + path.sep).href;
    const place = trace.split("\n").map((line) => /(file:\/\/\/\S+?):(\d+)/.exec(line)).find((each) => each?.[1].startsWith(root));
    const where = place ? `${path.relative(this.code, fileURLToPath(place[1]))}:${place[2]}` : shown;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : `${String(error)} was thrown`;
    const failure = new LoadError(`${where}: ${what}`);
    failure.trace = trace;
    return failure;
  }
}
