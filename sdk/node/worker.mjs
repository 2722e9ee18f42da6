// The Node.js worker. The node starts it, once per process, as
//
//     node /abs/node_modules/sluice/worker.mjs
//
// in an environment with SLUICE_FD (the descriptor of the connected socket), with the worker's scratch
// folder as the working directory. It works in copy mode: mapping shared memory needs an addon.

import { serve } from "./lib/serving.mjs";

const fd = Number(process.env.SLUICE_FD);
if (!Number.isInteger(fd) || fd < 3) {
  console.error("sluice: worker.mjs is started by `sluice serve`, which says in SLUICE_FD where to connect");
  process.exit(64);
}
delete process.env.SLUICE_FD;
serve(fd);
