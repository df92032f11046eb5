// Line charts of metrics. A figure brings its first points along; while its run goes on, new ones are fetched and added.
// Pointer or arrow keys choose a point, dragging zooms in, a double click shows everything again.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { gettext, interpolate } from "./words.js";

const POLL_MS = 4000;
const MOST_SERIES = 5;
const DASHES = [[], [8, 5], [2, 3], [12, 4, 2, 4], []]; // told apart without colours too
const WHOLE_STEPS = [1, 2, 5].flatMap((n) => [...Array(8).keys()].map((power) => n * 10 ** power)).sort((a, b) => a - b);
const charts = new Map(); // figure -> Chart

export function figureOf(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) < 1000 ? String(Number(value.toPrecision(4))) : value.toFixed(0);
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
const seriesClass = (index) => `series-${(index % MOST_SERIES) + 1}`;

/** The colour a style sheet gives to `className`, resolved for the canvas. */
function colourOf(container, className) {
  const probe = document.createElement("span");
  probe.className = className;
  container.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Add what is new to `known`: points of a step that is there already replace it, curves not seen before are added. */
export function merge(known, fresh) {
  for (const curve of fresh) {
    const old = known.find((other) => other.label === curve.label);
    if (!old) {
      known.push(curve);
      continue;
    }
    const keep = curve.steps.length ? old.steps.findLastIndex((step) => step < curve.steps[0]) + 1 : old.steps.length;
    for (const column of ["steps", "values", "times"]) old[column] = [...old[column].slice(0, keep), ...curve[column]];
  }
}

function aligned(curves) {
  if (!curves.some((curve) => curve.steps.length)) return [[], ...curves.map(() => [])];
  return uPlot.join(curves.map((curve) => [curve.steps, curve.values]));
}

/** The place nearest to `index` at which the column has a value. */
function nearestValue(column, index) {
  for (let away = 0; away < column.length; away += 1) {
    if (column[index - away] !== null && column[index - away] !== undefined) return index - away;
    if (column[index + away] !== null && column[index + away] !== undefined) return index + away;
  }
  return null;
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.box = figure.querySelector("[data-plot]");
    this.readout = figure.querySelector("[data-readout]");
    this.legend = figure.querySelector("[data-legend]");
    this.curves = JSON.parse(figure.querySelector('script[type="application/json"]').textContent).curves;
    this.index = null;
    this.onKey = (event) => this.moveByKey(event);
    this.box.addEventListener("keydown", this.onKey);
    this.resizer = new ResizeObserver(() => this.fit());
    this.resizer.observe(this.box);
    this.draw();
    if (figure.dataset.poll) this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  draw() {
    this.plot?.destroy();
    this.box.replaceChildren();
    this.data = aligned(this.curves);
    const ink = getComputedStyle(this.box).color;
    const line = { stroke: ink, grid: { stroke: colourOf(this.box, "chart-grid"), width: 1 }, ticks: { show: false } };
    const series = this.curves.map((curve, index) => ({
      label: curve.label,
      stroke: colourOf(this.box, seriesClass(index)),
      width: 2,
      dash: DASHES[index % MOST_SERIES],
      spanGaps: true,
      points: { show: curve.steps.length < 60, size: 5 },
    }));
    const options = {
      ...this.size(),
      scales: { x: { time: false } },
      axes: [{ ...line, size: 36, incrs: WHOLE_STEPS }, { ...line, size: 64, values: (_, ticks) => ticks.map(figureOf) }],
      series: [{ label: gettext("Step") }, ...series],
      legend: { show: false },
      cursor: { y: false, dataIdx: (plot, side, hovered) => (side ? nearestValue(plot.data[side], hovered) ?? hovered : hovered) },
      hooks: { setCursor: [(plot) => this.tell(plot.cursor.idx)] },
    };
    this.plot = new uPlot(options, this.data, this.box);
    this.showLegend();
  }

  size() {
    return { width: Math.max(120, this.box.clientWidth), height: Math.max(120, this.box.clientHeight) };
  }

  fit() {
    const { width, height } = this.size();
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  showLegend() {
    this.legend.replaceChildren(...this.curves.map((curve, index) => {
      const entry = document.createElement("span");
      const swatch = document.createElement("span");
      swatch.className = `swatch ${seriesClass(index)}`;
      swatch.setAttribute("aria-hidden", "true");
      const value = document.createElement("strong");
      value.textContent = figureOf(curve.values.at(-1));
      entry.append(swatch, `${curve.label} `, value);
      return entry;
    }));
  }

  /** Say step, values and time of the point at `index`. A curve without a value there says its nearest one's step. */
  tell(index) {
    this.index = index ?? this.index;
    if (index === null || index === undefined) {
      this.readout.textContent = "";
      return;
    }
    const step = this.data[0][index];
    let at = null;
    const parts = this.curves.flatMap((curve, side) => {
      const place = nearestValue(this.data[side + 1], index);
      if (place === null) return [];
      const there = this.data[0][place];
      if (there === step) at ??= curve.times[curve.steps.indexOf(step)];
      const elsewhere = there === step ? "" : ` ${interpolate(gettext("(step %(step)s)"), { step: there })}`;
      return [`${curve.label} ${figureOf(this.data[side + 1][place])}${elsewhere}`];
    });
    this.readout.textContent = [interpolate(gettext("Step %(step)s"), { step }), ...parts, ...(at ? [clock(at)] : [])].join(" · ");
  }

  moveByKey(event) {
    const last = this.data[0].length - 1;
    const page = Math.max(1, Math.round(last / 20));
    const now = this.index ?? last;
    const goal = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - page, PageDown: now + page, Home: 0, End: last }[event.key];
    if (goal === undefined || last < 0) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, goal));
    this.plot.setCursor({ left: this.plot.valToPos(this.data[0][index], "x"), top: 1 });
    this.tell(index);
  }

  /** Ask for points from the last known step on; end when the run is over. A failed request is tried again. */
  async poll() {
    const from = Math.max(0, ...this.curves.map((curve) => curve.steps.at(-1) ?? 0));
    const query = new URLSearchParams({ measure: this.figure.dataset.measure, from });
    let over = false;
    try {
      const response = await fetch(`${this.figure.dataset.poll}?${query}`);
      if (response.status === 404) return;
      const answer = await response.json();
      over = answer.over;
      if (this.plot) this.add(answer.curves);
    } catch { /* the next time may be better */ }
    if (!over && this.plot) this.timer = setTimeout(() => this.poll(), POLL_MS);
  }

  add(fresh) {
    const known = this.curves.length;
    merge(this.curves, fresh);
    if (this.curves.length > known) {
      this.draw();
      return;
    }
    const { min, max } = this.plot.scales.x;
    const zoomed = this.data[0].length > 1 && (min > this.data[0][0] || max < this.data[0].at(-1));
    this.data = aligned(this.curves);
    this.plot.setData(this.data, !zoomed);
    if (zoomed) this.plot.redraw();
    this.showLegend();
  }

  destroy() {
    clearTimeout(this.timer);
    this.resizer.disconnect();
    this.box.removeEventListener("keydown", this.onKey);
    this.plot.destroy();
    this.plot = null;
  }
}

/** Draw figures that came, forget those that went. */
function refresh() {
  for (const [figure, chart] of charts) {
    if (figure.isConnected) continue;
    chart.destroy();
    charts.delete(figure);
  }
  for (const figure of document.querySelectorAll("[data-chart]")) {
    if (!charts.has(figure)) charts.set(figure, new Chart(figure));
  }
}

document.addEventListener("htmx:afterSettle", refresh);
document.addEventListener("themechange", () =>
  requestAnimationFrame(() => {
    for (const chart of charts.values()) chart.draw();
  }),
);
refresh();
