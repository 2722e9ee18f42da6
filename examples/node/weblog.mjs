// Access logs to a report: who is slow, who fails. One request is [route, status, bytes, milliseconds].

import fs from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";

const LINE = /^\S+ \S+ \S+ \[[^\]]+\] "([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) (\d+) "[^"]*" "[^"]*" (\d+)$/;

// The lines of a stream of bytes; a last one without an end counts, too.
async function* lines(stream) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const parts = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = parts.pop();
    yield* parts;
  }
  rest += decoder.decode();
  if (rest) yield rest;
}

function gunzipped(stream) {
  // An error of either is seen where the result is read.
  return pipeline(stream, createGunzip(), () => {});
}

// `/orders/17?all=1` and `/orders/4` are requests of one route.
function routeOf(method, target) {
  return `${method} ${target.split("?", 1)[0].replace(/\/\d+(?=\/|$)/g, "/:n")}`;
}

// Yields batches of requests: a reader works on the first while the rest is still being uploaded.
export async function* parse({ log, batch }) {
  let requests = [];
  let bad = 0;
  for await (const line of lines(log.filename?.endsWith(".gz") ? gunzipped(log) : log)) {
    const match = LINE.exec(line);
    if (!match) {
      bad += 1;
      if (bad <= 3) console.log(`no request: ${line.slice(0, 200)}`);
      continue;
    }
    const [, method, target, status, bytes, milliseconds] = match;
    requests.push([routeOf(method, target), Number(status), Number(bytes), Number(milliseconds)]);
    if (requests.length === batch) {
      yield requests;
      requests = [];
    }
  }
  if (requests.length) yield requests;
  return { bad };
}

// Per route: counts, and how many requests took how many milliseconds. Such tallies can be added.
export function tally({ batch }) {
  const routes = {};
  for (const [route, status, bytes, milliseconds] of batch) {
    const entry = (routes[route] ??= { requests: 0, errors: 0, bytes: 0, times: {} });
    entry.requests += 1;
    entry.errors += status >= 500 ? 1 : 0;
    entry.bytes += bytes;
    entry.times[milliseconds] = (entry.times[milliseconds] ?? 0) + 1;
  }
  return routes;
}

// The least time that at least this share of the requests did not exceed.
function percentile(times, count, share) {
  let left = Math.ceil(count * share);
  for (const [milliseconds, n] of times) {
    left -= n;
    if (left <= 0) return milliseconds;
  }
  return 0;
}

// Adds the tallies while they come.
export async function report({ tallies, bad }) {
  const routes = new Map();
  for await (const part of tallies) {
    for (const [route, more] of Object.entries(part)) {
      if (!routes.has(route)) routes.set(route, { requests: 0, errors: 0, bytes: 0, times: new Map() });
      const entry = routes.get(route);
      for (const key of ["requests", "errors", "bytes"]) entry[key] += more[key];
      for (const [time, n] of Object.entries(more.times)) {
        entry.times.set(Number(time), (entry.times.get(Number(time)) ?? 0) + n);
      }
    }
  }
  const rows = [...routes].map(([route, { requests, errors, bytes, times }]) => {
    const sorted = [...times].sort((a, b) => a[0] - b[0]);
    return { route, requests, errors, bytes, p50: percentile(sorted, requests, 0.5), p99: percentile(sorted, requests, 0.99) };
  });
  rows.sort((a, b) => b.requests - a.requests || (a.route < b.route ? -1 : 1));
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  const summary = { requests: total("requests"), bytes: total("bytes"), bad: bad.reduce((sum, n) => sum + n, 0), routes: rows };
  await fs.writeFile("report.html", page(summary));
  return { summary, page: "report.html" };
}

function page({ requests, bad, routes }) {
  const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.codePointAt(0)};`);
  const rows = routes.map(({ route, requests, errors, p50, p99 }) =>
    `<tr><td>${escape(route)}<td>${requests}<td>${errors}<td>${p50} ms<td>${p99} ms`);
  return `<!doctype html><meta charset="utf-8"><title>Requests</title>
<p>${requests} requests, ${bad} lines that are none.
<table><tr><th>route<th>requests<th>errors<th>p50<th>p99
${rows.join("\n")}
</table>
`;
}
