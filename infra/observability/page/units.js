"use strict";
// Values as people read them, by Grafana's names of units.

const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });

function scaled(value, steps) {
  const [size, name] = steps.find(([size]) => Math.abs(value) >= size) ?? steps[steps.length - 1];
  return `${SHORT.format(value / size)} ${name}`;
}

const SECONDS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const BYTES = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const UNITS = {
  short: (value) => SHORT.format(value),
  s: (value) => (value === 0 ? "0 s" : scaled(value, SECONDS)),
  reqps: (value) => `${SHORT.format(value)}/s`,
  percentunit: (value) => `${SHORT.format(100 * value)} %`,
  percent: (value) => `${SHORT.format(value)} %`,
  bytes: (value) => (value === 0 ? "0 B" : scaled(value, BYTES)),
  decmbytes: (value) => `${SHORT.format(value)} MB`,
  currencyUSD: (value) => `$${SHORT.format(value)}`,
  celsius: (value) => `${SHORT.format(value)} °C`,
  watt: (value) => `${SHORT.format(value)} W`,
};

// With the day where a graph is longer than one.
function moment(time, seconds) {
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Date(time * 1000).toLocaleString([], seconds > 86400 ? { month: "short", day: "numeric", ...clock } : clock);
}

function formatted(value, unit) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : UNITS[unit](value);
}
