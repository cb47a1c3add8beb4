// A line chart of the history of a run over images seen.

import { count } from "./place.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480, HEIGHT = 150, LEFT = 44, RIGHT = 8, TOP = 20, BOTTOM = 20;

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const short = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(2));

// lines: [{ name, key, of: "first" | "second" }]; history: objects with images_seen; at: images seen to mark, or null.
export function chart(title, lines, history, length, at, fixed) {
  const found = lines.map((line) => ({
    ...line,
    points: history.filter((point) => Number.isFinite(point[line.key])).map((point) => [point.images_seen, point[line.key]]),
  }));
  const values = found.flatMap((line) => line.points.map(([, value]) => value));
  const [low, high] = fixed ?? span(values);
  const last = Math.max(length || 1, ...history.map((point) => point.images_seen));
  const x = (seen) => LEFT + ((WIDTH - LEFT - RIGHT) * seen) / last;
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / (high - low || 1);
  const ends = found.filter((line) => line.points.length).map((line) => `${line.name} ${short(line.points.at(-1)[1])}`);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${title}: ${ends.join(", ") || "no data yet"}` });
  picture.append(svg("text", { x: LEFT, y: 13 }, title));
  let place = WIDTH - RIGHT;
  for (const line of [...found].reverse()) {
    picture.append(svg("text", { x: place, y: 13, "text-anchor": "end", class: line.of }, line.name));
    place -= 9 + 6.2 * line.name.length;
  }
  for (const value of [low, high]) {
    picture.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "axis" }));
    picture.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  picture.append(svg("text", { x: LEFT, y: HEIGHT - 5 }, "0"));
  picture.append(svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, `${count(last)} images seen`));
  for (const line of found) {
    const held = line.points.map(([seen, value]) => `${x(seen).toFixed(1)},${y(Math.max(low, Math.min(high, value))).toFixed(1)}`);
    picture.append(svg("polyline", { points: held.join(" "), class: line.of }));
  }
  if (at !== null) picture.append(svg("line", { x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM, class: "now" }));
  return picture;
}

// The range of the values without the most extreme 2 % at each end: one outlier would flatten the rest of the chart.
function span(values) {
  if (!values.length) return [0, 1];
  const sorted = [...values].sort((one, other) => one - other);
  const cut = Math.floor(sorted.length * 0.02);
  const low = sorted[cut], high = sorted[sorted.length - 1 - cut];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}
