"use strict";
// What the page asks for: Prometheus, and MLflow for the last run, both under the page's own address.

const POINTS = 240;

async function read(path, options) {
  const answer = await fetch(path, options);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(`${path.split("?")[0]}: ${said.error ?? `status ${answer.status}`}`);
  return said;
}

async function prometheus(what, parameters = {}) {
  const said = await read(`prometheus/api/v1/${what}?${new URLSearchParams(parameters)}`);
  return said.data;
}

function named(legend, labels) {
  return legend.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? "");
}

// The newest value of each series: [{name, value}].
async function newest(target) {
  const { result } = await prometheus("query", { query: target.expr });
  return result.map(({ metric, value }) => ({ name: named(target.legendFormat, metric), value: Number(value[1]) }));
}

// Every series on the same times: [{name, values}], null where there is no value.
async function course(target, times) {
  const step = times[1] - times[0];
  const asked = { query: target.expr, start: times[0], end: times[times.length - 1], step };
  const { result } = await prometheus("query_range", asked);
  return result.map(({ metric, values }) => {
    const found = new Map(values.map(([time, value]) => [Math.round((time - times[0]) / step), Number(value)]));
    const filled = times.map((_, i) => (Number.isFinite(found.get(i)) ? found.get(i) : null));
    return { name: named(target.legendFormat, metric), values: filled };
  });
}

function times(seconds) {
  const step = Math.max(10, Math.round(seconds / POINTS));
  const end = Math.floor(Date.now() / 1000);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => end - seconds + i * step);
}

async function firing() {
  const { alerts } = await prometheus("alerts");
  return alerts.filter((alert) => alert.state === "firing");
}

// The newest run that ended, and its pages: {run, pages}; null where there is none.
async function lastRun() {
  const { experiments } = await read("mlflow/api/2.0/mlflow/experiments/search?max_results=100");
  const body = {
    experiment_ids: experiments.map((one) => one.experiment_id),
    filter: "attributes.status = 'FINISHED'",
    order_by: ["attributes.start_time DESC"],
    max_results: 1,
  };
  const found = await read("mlflow/api/2.0/mlflow/runs/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!found.runs) return null;
  const run = found.runs[0].info;
  const files = async (path) => {
    const asked = new URLSearchParams({ run_id: run.run_id, ...(path && { path }) });
    return (await read(`mlflow/api/2.0/mlflow/artifacts/list?${asked}`)).files ?? [];
  };
  const all = [...(await files("")), ...(await files("reports"))];
  return { run, pages: all.map((file) => file.path).filter((path) => path.endsWith(".html")) };
}
