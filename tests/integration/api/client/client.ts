// Drives a run through a client that knows nothing but openapi.json. Every call is typed by it, so
// that what the document says of a route and what this file expects are held together by the compiler;
// what the server really answers, by the assertions.

import assert from "node:assert/strict";

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

type Run = components["schemas"]["Run"];

const baseUrl = process.argv[2];
assert(baseUrl, "usage: node client.js URL");
const client = createClient<paths>({ baseUrl });

async function main(): Promise<void> {
  const { data: version } = await client.GET("/version");
  assert(version);

  const { data: workflows } = await client.GET("/api/v1/workflows");
  assert(workflows?.workflows.some((one) => one.name === "small.small"));

  const started = await client.POST("/api/v1/workflows/{name}/runs", {
    params: { path: { name: "small" }, query: { wait: "60" } },
    body: { inputs: { x: 41 } },
  });
  assert.equal(started.response.status, 200);
  const run: Run | undefined = started.data;
  assert(run);
  assert.equal(run.state, "SUCCEEDED");
  assert.equal(run.outputs?.["y"], 42);

  const { data: tasks } = await client.GET("/api/v1/runs/{id}/tasks", { params: { path: { id: run.id } } });
  assert.deepEqual(tasks?.tasks.map((task) => [task.step, task.state]), [["add", "SUCCEEDED"]]);

  const { data: output } = await client.GET("/api/v1/runs/{id}/outputs/{name}", {
    params: { path: { id: run.id, name: "y" } },
    parseAs: "text",
  });
  assert.equal(output, "42");

  const { data: runs } = await client.GET("/api/v1/runs", { params: { query: { state: "SUCCEEDED", limit: 10 } } });
  assert(runs?.runs.some((one) => one.id === run.id));

  // A mistake is a problem document, and the types say so.
  const wrong = await client.POST("/api/v1/workflows/{name}/runs", {
    params: { path: { name: "small" } },
    body: { inputs: { x: 1, no_such: 2 } },
  });
  assert.equal(wrong.response.status, 422);
  assert.equal(wrong.error?.status, 422);
  assert.match(wrong.error?.detail ?? "", /no_such/);
  const missing = await client.GET("/api/v1/runs/{id}", { params: { path: { id: "01jd3k0c7w8fqzv5m2n6x4r9ta" } } });
  assert.equal(missing.error?.status, 404);

  const removed = await client.DELETE("/api/v1/runs/{id}", { params: { path: { id: run.id } } });
  assert.equal(removed.response.status, 204);
  console.log("driven");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
