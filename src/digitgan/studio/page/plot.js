// Charts by uPlot: lines over images seen, and bars.

import { count, make } from "./dom.js";

const { uPlot } = globalThis;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const TONES = { first: "--accent", second: "--fake", real: "--real", fake: "--fake" };
const short = (value) => (value === null || value === undefined ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
const compact = new Intl.NumberFormat("en", { notation: "compact" });

// A fill that differs by more than its colour: diagonal stripes for fakes, a plain tint for the others.
function fill(tone) {
  return (plot) => {
    const ink = colour(TONES[tone]);
    if (tone !== "fake" && tone !== "second") return `${ink}66`;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    for (const start of [-8, 0, 8]) {
      pen.moveTo(start, 8);
      pen.lineTo(start + 8, 0);
    }
    pen.stroke();
    return plot.ctx.createPattern(tile, "repeat");
  };
}

const alive = new Set(); // the charts that follow the colour scheme
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const chart of alive) chart.again(); });

class Plot {
  constructor(title, height) {
    this.title = title;
    this.height = height;
    this.plot = null;
    this.log = false;
    this.body = make("div");
    this.heading = make("div", { class: "heading" }, make("h3", { text: title }));
    this.element = make("figure", { class: "chart", "data-chart": title, role: "group", "aria-label": title }, this.heading, this.body);
    this.observer = new ResizeObserver(() => {
      const width = Math.floor(this.body.clientWidth);
      if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height });
    });
    this.observer.observe(this.body);
    alive.add(this);
  }

  close() {
    alive.delete(this);
    this.observer.disconnect();
    this.plot?.destroy();
    this.plot = this.latest = null;
  }

  again() { // with the colours and options of now
    this.plot?.destroy();
    this.plot = null;
    if (this.latest) this.draw(this.latest);
  }

  draw(data) {
    this.latest = data;
    const width = Math.floor(this.body.clientWidth);
    if (!width) { // not shown yet
      requestAnimationFrame(() => { if (this.latest && !this.plot && this.body.clientWidth) this.draw(this.latest); });
      return;
    }
    if (this.plot) this.plot.setData(data, this.plot.scales.x.min === null || !this.zoomed);
    else this.plot = new uPlot(this.options(width), data, this.body);
  }

  get zoomed() { // whether a part of the chart was selected
    const [xs] = this.plot.data;
    return xs.length > 1 && (this.plot.scales.x.min > xs[0] || this.plot.scales.x.max < xs.at(-1)) && this.selected;
  }

  axis(label, values) {
    const ink = () => colour("--faint");
    const line = () => colour("--line");
    return { label, labelSize: 18, labelFont: "12px system-ui", font: "12px system-ui", stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, values, size: label === "images seen" ? 34 : 52 };
  }
}

// lines: [{ name, key, of: "first" | "second" }]; fixed: range of the vertical axis.
export class LineChart extends Plot {
  constructor(title, lines, { fixed = null, unit = "" } = {}) {
    super(title, 190);
    Object.assign(this, { lines, fixed, unit, mark: null });
    if (!fixed) {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => { this.log = box.checked; this.again(); });
      this.heading.append(make("label", { class: "check" }, box, "Logarithmic"));
    }
  }

  options(width) {
    return {
      width, height: this.height, cursor: { drag: { x: true, y: false, uni: 20 } },
      scales: { x: { time: false }, y: { distr: this.log ? 3 : 1, ...(this.fixed ? { range: this.fixed } : {}) } },
      axes: [this.axis("images seen", (_, ticks) => ticks.map((tick) => compact.format(tick))), this.axis(this.unit, (_, ticks) => ticks.map((tick) => (tick === null ? "" : compact.format(tick))))],
      series: [
        { label: "images seen", value: (_, value) => (value === null ? "–" : count(value)) },
        ...this.lines.map(({ name, of }) => ({ label: name, stroke: () => colour(TONES[of]), width: 2, dash: of === "second" ? [6, 3] : undefined, points: { show: false }, value: (_, value) => short(value) })),
      ],
      hooks: {
        setSelect: [(plot) => { this.selected = plot.select.width > 0; }],
        draw: [(plot) => this.drawMark(plot)],
      },
    };
  }

  drawMark(plot) {
    if (this.mark === null) return;
    const x = plot.valToPos(this.mark, "x", true);
    plot.ctx.save();
    plot.ctx.strokeStyle = colour("--faint");
    plot.ctx.setLineDash([4, 4]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, plot.bbox.top);
    plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
    plot.ctx.restore();
  }

  show(history, mark) {
    this.mark = Number.isFinite(mark) ? mark : null;
    const value = (number) => (Number.isFinite(number) && !(this.log && number <= 0) ? number : null);
    const data = [history.map((line) => line.images_seen), ...this.lines.map(({ key }) => history.map((line) => value(line[key])))];
    const ends = this.lines.map(({ name, key }) => `${name} ${short(history.findLast((line) => Number.isFinite(line[key]))?.[key])}`);
    this.element.setAttribute("aria-label", `${this.title}: ${ends.join(", ")}`);
    this.element.dataset.points = history.length;
    this.draw(data);
  }
}

// Two sets of scores as histograms in one chart.
export class Histogram extends Plot {
  constructor(title) {
    super(title, 230);
    this.heading.remove();
  }

  options(width) {
    const bars = uPlot.paths.bars({ size: [1, Infinity], align: 1 });
    const series = (label, tone) => ({ label, stroke: () => colour(TONES[tone]), fill: fill(tone), width: 1, paths: bars, points: { show: false } });
    return {
      width, height: this.height, cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: (_, low, high) => [low, high + this.step] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      axes: [{ ...this.axis("score", (_, ticks) => ticks.map((tick) => compact.format(tick))), size: 34 }, this.axis("images", (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick : "")))],
      series: [{ label: "score from", value: (_, value) => short(value) }, series("real", "real"), series("fakes", "fake")],
    };
  }

  show(real, fake) {
    const all = [...real, ...fake];
    const bins = 24, low = Math.min(...all), high = Math.max(...all);
    const step = Math.max(1e-6, (high - low) / bins);
    const counts = [real, fake].map((scores) => {
      const found = new Array(bins).fill(0);
      for (const score of scores) found[Math.min(bins - 1, Math.floor((score - low) / step))] += 1;
      return found;
    });
    this.step = step;
    this.element.setAttribute("aria-label", `Scores from ${short(low)} to ${short(high)}: real images on average ${short(mean(real))}, fakes ${short(mean(fake))}`);
    this.draw([counts[0].map((_, place) => low + place * step), ...counts]);
  }
}

// One bar for each name.
export class BarChart extends Plot {
  constructor(title) { super(title, 240); }

  options(width) {
    return {
      width, height: this.height, cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(high * 1.05, 1e-9)] } },
      axes: [{ ...this.axis("", (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? shorten(this.names[tick] ?? "", this.names.length) : ""))), splits: () => this.names.map((_, place) => place), size: 30 }, this.axis(this.unit, (_, ticks) => ticks.map((tick) => compact.format(tick)))],
      series: [{ label: "run", value: (_, place) => this.names[place] ?? "–" }, { label: this.unit, stroke: () => colour("--accent"), fill: fill("first"), width: 1, paths: uPlot.paths.bars({ size: [0.7, 80] }), points: { show: false }, value: (_, value) => short(value) }],
    };
  }

  show(unit, entries) { // entries: [[name, value]]
    Object.assign(this, { unit, names: entries.map(([name]) => name) });
    this.element.setAttribute("aria-label", `${unit}: ${entries.map(([name, value]) => `${name} ${short(value)}`).join(", ")}`);
    this.plot?.destroy();
    this.plot = null;
    this.draw([entries.map((_, place) => place), entries.map(([, value]) => value)]);
  }
}

const shorten = (name, many) => (name.length > 90 / Math.max(3, many) ? `…${name.slice(-Math.max(4, Math.floor(90 / Math.max(3, many))))}` : name);
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
