"use strict";
// Draws Grafana's dashboards from Prometheus, for where Grafana is not there.

const COLOURS = ["#3274d9", "#e0752d", "#37872d", "#a352cc", "#c4162a", "#b58900", "#1f9e9e", "#8f5a3c", "#6b6b6b", "#d6508f"];
const AGAIN_MILLISECONDS = 30_000;
const $ = (id) => document.getElementById(id);
const state = { dashboards: [], charts: [], links: {}, turn: 0 };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function failed(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
}

function current() {
  return state.dashboards.find(({ name }) => `#${name}` === location.hash) ?? state.dashboards[0];
}

function drawNavigation(shown) {
  $("dashboards").replaceChildren(
    ...state.dashboards.map(({ name, dashboard }) => {
      const link = element("a", { href: `#${name}`, textContent: dashboard.title.replace("Keelson: ", "") });
      if (name === shown.name) link.setAttribute("aria-current", "page");
      return link;
    }),
  );
}

async function drawAlerts() {
  const alerts = await firing();
  const lines = alerts.map(({ labels, annotations }) => {
    const { alertname, severity, ...others } = labels;
    const about = Object.entries(others).map(([label, value]) => `${label} ${value}`).join(", ");
    const page = annotations.runbook_url?.replace(/^docs\//, "");
    return element(
      "p",
      { className: severity },
      element("strong", { textContent: `${severity}: ` }),
      `${annotations.summary}${about ? ` (${about})` : ""}. `,
      element("a", { href: page, textContent: alertname }),
    );
  });
  $("alerts").replaceChildren(...(lines.length ? lines : [element("p", { textContent: "No alert fires." })]));
}

function empty(panel) {
  const ofCluster = panel.description.includes("a cluster");
  return element("p", {
    className: "note",
    textContent: ofCluster ? "Only a cluster has these metrics." : "No series yet.",
  });
}

async function numbers(panel, box) {
  const found = (await Promise.all(panel.targets.map(newest))).flat();
  const unit = panel.fieldConfig.defaults.unit;
  const shown = found.map(({ name, value }) =>
    element("span", {}, element("b", { className: "number", textContent: formatted(value, unit) }), name),
  );
  box.append(element("div", { className: "numbers" }, ...shown));
  return found.length;
}

// From zero, where nothing is below it.
function range(_, least, most) {
  return uPlot.rangeNum(Math.min(0, least ?? 0), most > 0 ? most : 1, 0.1, true);
}

// Under the pointer, else the newest.
function pointed(plot, value, i, at) {
  return at === null ? plot.data[i].findLast((one) => one !== null) : value;
}

async function graph(panel, box) {
  const seconds = Number($("range").value);
  const span = times(seconds);
  const series = (await Promise.all(panel.targets.map((target) => course(target, span)))).flat();
  if (!series.length) return 0;
  const unit = panel.fieldConfig.defaults.unit;
  const ink = getComputedStyle(document.body).color;
  const axis = { stroke: ink, grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
  const plot = element("div");
  box.append(plot);
  const options = {
    width: Math.max(200, box.clientWidth - 24),
    height: 190,
    scales: { y: { range } },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => moment(tick, seconds)) }, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => formatted(tick, unit)) }],
    series: [
      { value: (_, time) => (time === null ? "now" : moment(time, seconds)) },
      ...series.map(({ name }, i) => ({
        label: name,
        stroke: COLOURS[i % COLOURS.length],
        width: 1.5,
        spanGaps: false,
        value: (...asked) => formatted(pointed(...asked), unit),
      })),
    ],
  };
  state.charts.push(new uPlot(options, [span, ...series.map(({ values }) => values)], plot));
  return series.length;
}

async function drawPanel(panel, box) {
  try {
    const count = await (panel.type === "stat" ? numbers : graph)(panel, box);
    box.dataset.series = count;
    box.dataset.state = count ? "drawn" : "empty";
    if (!count) box.append(empty(panel));
  } catch (error) {
    box.dataset.state = "failed";
    box.append(element("p", { className: "note", textContent: error.message }));
  }
}

async function draw() {
  const turn = ++state.turn;
  const shown = current();
  drawNavigation(shown);
  $("problem").hidden = true;
  await drawAlerts().catch(failed);
  if (turn !== state.turn) return;
  state.charts.splice(0).forEach((chart) => chart.destroy());
  $("purpose").textContent = shown.dashboard.description;
  const boxes = shown.dashboard.panels.map((panel) => {
    const box = element("section", { className: "panel" }, element("h3", { textContent: panel.title }));
    box.style.gridColumn = `span ${panel.gridPos.w}`;
    box.dataset.title = panel.title;
    return box;
  });
  $("panels").replaceChildren(...boxes);
  await Promise.all(shown.dashboard.panels.map((panel, i) => drawPanel(panel, boxes[i])));
  document.body.dataset.drawn = shown.name;
}

function drawLinks() {
  const shown = Object.entries(state.links).map(([name, href]) =>
    element("li", {}, element("a", { href, textContent: name })),
  );
  $("links").replaceChildren(...shown);
}

async function drawReports() {
  const found = await lastRun();
  if (!found) {
    $("reports").replaceChildren(element("li", { className: "note", textContent: "No run has finished yet." }));
    return;
  }
  const { run, pages } = found;
  const place = `${state.links.MLflow}/#/experiments/${run.experiment_id}/runs/${run.run_id}`;
  const lines = pages.map((path) => [path.replace(/^reports\/|\.html$/g, "").replaceAll("_", " "), `${place}/artifacts/${path}`]);
  $("reports").replaceChildren(
    ...[[run.run_name, place], ...lines].map(([name, href]) => element("li", {}, element("a", { href, textContent: name }))),
  );
}

async function start() {
  [state.dashboards, state.links] = await Promise.all([read("dashboards.json"), read("links.json")]);
  drawLinks();
  drawReports().catch(failed);
  addEventListener("hashchange", draw);
  $("range").addEventListener("change", draw);
  await draw();
  setInterval(draw, AGAIN_MILLISECONDS);
}

start().catch(failed);
