// What functions import: `import { context, Stream } from "sluice"`. The common case needs none of it.

export { context } from "./lib/current.mjs";
export { Cancelled, InvalidInput, InvalidOutput, TooLarge } from "./lib/errors.mjs";
export { NdArray } from "./lib/ndarray.mjs";
export { Pipe, Stream } from "./lib/stream.mjs";
