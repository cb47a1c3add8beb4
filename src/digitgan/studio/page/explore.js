// The Explore section: a map of the latent space, the image at one of its places, further directions, and training images.

import { get } from "./api.js";
import { byId, chooseModel, make, options, remember, tell } from "./dom.js";
import { load, Picture, tile, unpack } from "./pictures.js";

const REACH = 6; // standard deviations that the server draws in each direction
const DIRECTIONS = 6;
const END = 2.5; // standard deviations of the pictures at the ends of a slider

const one = new Picture(byId("explore-picture"), tell);
const all = new Picture(byId("explore-all"), tell);
const map = byId("map");
const state = { model: "mnist", seed: 0, code: "", first: "0", second: "", share: 0, x: 0, y: 0, further: [] };
const view = { x: 0, y: 0, width: 6 }; // the part of the plane that the map shows
const pins = { a: null, b: null }; // [x, y, further]
let known = null; // the model description from the server
let nearestTimer = null;

const within = (value) => Math.max(-REACH, Math.min(REACH, value));
const round = (value) => Number(value).toFixed(3);

function latent() { // the parameters that name the latent, without its coordinates
  return { model: state.model, seed: state.seed, code: state.code };
}

function classes() {
  const names = known.class_names;
  const between = state.second !== "" && state.second !== state.first;
  // Classes are sent by name: with numeric class names, an index could be the name of another class.
  return { first: names[state.first], second: between ? names[state.second] : "", share: between ? state.share : 0 };
}

function note() { // the state, in the address
  const { model, seed, code, first, second, share } = state;
  const pin = (name) => (pins[name] ? [pins[name][0], pins[name][1], ...pins[name][2]].map(round).join(",") : "");
  remember("explore", { model, seed, code, first, second, share, x: round(state.x), y: round(state.y), further: state.further.map(round).join(","),
    a: pin("a"), b: pin("b"), morph: pins.a && pins.b ? byId("map-morph").value : "", view: [view.x, view.y, view.width].map(round).join(",") });
}

function recall(values) { // pins and view of an address; what is damaged is left out
  const numbers = (text) => (text ?? "").split(",").map(Number);
  for (const name of ["a", "b"]) {
    const [x, y, ...further] = numbers(values[name]);
    if (values[name] && [x, y, ...further].every(Number.isFinite) && further.length === state.further.length) pins[name] = [within(x), within(y), further.map(within)];
  }
  if (pins.a && pins.b) byId("map-morph").value = Number(values.morph) || 0;
  const [x, y, width] = numbers(values.view);
  if ([x, y, width].every(Number.isFinite) && width > 0) Object.assign(view, { x, y, width });
}

function show() {
  if (!known) return; // the model is not loaded yet
  const place = { ...latent(), x: round(state.x), y: round(state.y), further: state.further.map(round).join(",") };
  const { first, second, share } = classes();
  const what = second ? `between ${first} and ${second}, ${Math.round(share * 100)} %` : first;
  one.show("morph", { ...place, first, second, share, scale: 10 }, `Generated image: ${what}`);
  all.show("morph", { ...place, every_class: true, scale: 2 }, `The same latent in every class: ${known.class_names.join(", ")}`);
  byId("explore-caption").textContent = what;
  byId("explore-share").disabled = !second;
  movePins();
  note();
  if (byId("explore-nearest").closest(".panel").hidden) return;
  if (!byId("explore-copies").textContent) byId("explore-copies").textContent = "Searching the training images …";
  clearTimeout(nearestTimer);
  nearestTimer = setTimeout(() => nearest({ ...place, first, second, share }), 400);
}

// The map: what is drawn is moved at once while the pointer drags, and is drawn anew by the server.

const shape = () => ({ width: view.width, height: (view.width * map.clientHeight) / Math.max(1, map.clientWidth) });
let drawn = null; // { image, left, top, width, height } in coordinates of the latent
let mapBusy = false, mapWanted = false;

async function drawMap() {
  if (!known) return;
  if (mapBusy) {
    mapWanted = true;
    return;
  }
  mapBusy = true;
  map.dataset.settled = "no";
  note();
  do {
    mapWanted = false;
    clampView();
    const { width, height } = shape();
    const wide = known.width / known.height;
    const columns = Math.max(3, Math.min(24, Math.round(map.clientWidth / Math.max(36, 1.3 * known.width))));
    const rows = Math.max(3, Math.min(24, Math.round((columns * height * wide) / width)));
    const step = width / columns, stepDown = height / rows;
    const left = view.x - width / 2, top = view.y + height / 2;
    const values = { ...latent(), ...classes(), further: state.further.map(round).join(","), columns, rows,
      left: within(left + step / 2), right: within(left + width - step / 2), top: within(top - stepDown / 2), bottom: within(top - height + stepDown / 2) };
    try {
      drawn = { image: await load("map", values), left, top, width, height };
      placeMap();
    } catch (problem) {
      tell(`The map could not be drawn: ${problem.message}. Move the map to try again.`);
    }
  } while (mapWanted);
  mapBusy = false;
  map.dataset.settled = "yes";
}

function clampView() { // the server draws no farther than REACH
  if (!map.clientWidth || !map.clientHeight) return; // the map is not shown
  view.width = Math.max(0.2, Math.min(2 * REACH, view.width, (2 * REACH * map.clientWidth) / Math.max(1, map.clientHeight)));
  const { width, height } = shape();
  view.x = Math.max(width / 2 - REACH, Math.min(REACH - width / 2, view.x));
  view.y = Math.max(height / 2 - REACH, Math.min(REACH - height / 2, view.y));
}

function placeMap() {
  clampView();
  const canvas = byId("map-canvas");
  const { clientWidth, clientHeight } = map;
  if (canvas.width !== clientWidth || canvas.height !== clientHeight) [canvas.width, canvas.height] = [clientWidth, clientHeight];
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (drawn) {
    const { width, height } = shape();
    const scale = clientWidth / width;
    pen.drawImage(drawn.image, (drawn.left - (view.x - width / 2)) * scale, ((view.y + height / 2) - drawn.top) * scale, drawn.width * scale, (drawn.height * clientHeight) / height);
  }
  movePins();
}

function movePins() {
  const { width, height } = shape();
  const put = (id, x, y) => {
    const pin = byId(id);
    Object.assign(pin.style, { left: `${(100 * (x - view.x + width / 2)) / width}%`, top: `${(100 * (view.y + height / 2 - y)) / height}%` });
  };
  put("map-pin", state.x, state.y);
  for (const name of ["a", "b"]) {
    byId(`map-${name}`).hidden = !pins[name];
    if (pins[name]) put(`map-${name}`, pins[name][0], pins[name][1]);
  }
  byId("map-where").textContent = `Two main directions of the latent: ${state.x.toFixed(2)} across, ${state.y.toFixed(2)} up, in standard deviations. The map is ${view.width.toFixed(1)} wide.`;
  byId("map-morph").disabled = !(pins.a && pins.b);
}

function at(event) { // the place on the plane under the pointer
  const box = map.getBoundingClientRect();
  const { width, height } = shape();
  return { x: view.x - width / 2 + (width * (event.clientX - box.left)) / box.width, y: view.y + height / 2 - (height * (event.clientY - box.top)) / box.height };
}

function go(x, y) {
  [state.x, state.y] = [within(x), within(y)];
  show();
}

const held = new Map(); // pointers that are down
map.addEventListener("pointerdown", (event) => {
  map.setPointerCapture(event.pointerId);
  map.focus({ preventScroll: true });
  held.set(event.pointerId, event);
  if (held.size === 1 && !event.shiftKey) {
    const { x, y } = at(event);
    go(x, y);
  }
});
map.addEventListener("pointermove", (event) => {
  const before = held.get(event.pointerId);
  if (!before) return;
  held.set(event.pointerId, event);
  const { width, height } = shape();
  if (held.size === 2) { // two fingers: move and zoom
    const other = [...held.values()].find((each) => each.pointerId !== event.pointerId);
    const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    zoom(distance(before) / Math.max(1, distance(event)), false);
    view.x -= (width * (event.clientX - before.clientX)) / map.clientWidth / 2;
    view.y += (height * (event.clientY - before.clientY)) / map.clientHeight / 2;
    placeMap();
  } else if (event.shiftKey) { // move the map
    view.x = within(view.x - (width * (event.clientX - before.clientX)) / map.clientWidth);
    view.y = within(view.y + (height * (event.clientY - before.clientY)) / map.clientHeight);
    placeMap();
  } else { // walk
    const { x, y } = at(event);
    go(x, y);
  }
});
for (const name of ["pointerup", "pointercancel"]) {
  map.addEventListener(name, (event) => {
    if (held.delete(event.pointerId) && (event.shiftKey || held.size)) drawMap();
  });
}
map.addEventListener("wheel", (event) => {
  if (document.activeElement !== map && !event.ctrlKey) return; // a visitor who scrolls past the map must not be held there
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, true, at(event));
}, { passive: false });
map.addEventListener("keydown", (event) => {
  const step = event.shiftKey ? view.width / 6 : view.width / 24;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.key === "+" || event.key === "=") zoom(1 / 1.4);
  else if (event.key === "-") zoom(1.4);
  else if (event.key in moves) {
    const [dx, dy] = moves[event.key];
    go(state.x + dx, state.y + dy);
    keepInView();
  } else return;
  event.preventDefault();
});

function keepInView() { // the map follows a place that leaves it
  const { width, height } = shape();
  const before = `${view.x} ${view.y}`;
  if (Math.abs(state.x - view.x) > 0.45 * width) view.x = state.x;
  if (Math.abs(state.y - view.y) > 0.45 * height) view.y = state.y;
  if (before !== `${view.x} ${view.y}`) {
    placeMap();
    drawMap();
  }
}

function zoom(factor, again = true, around = { x: state.x, y: state.y }) {
  const before = view.width;
  view.width = Math.max(0.2, Math.min(2 * REACH, view.width * factor));
  const kept = view.width / before;
  view.x = around.x + (view.x - around.x) * kept;
  view.y = around.y + (view.y - around.y) * kept;
  placeMap();
  if (again) drawMap();
}

function setPin(name) {
  pins[name] = [state.x, state.y, [...state.further]];
  movePins();
  note();
}

function morph(share) {
  const [a, b] = [pins.a, pins.b];
  const mix = (one, other) => one + share * (other - one);
  state.further = a[2].map((value, at) => mix(value, b[2][at]));
  go(mix(a[0], b[0]), mix(a[1], b[1]));
  keepInView();
}

// Sliders for further directions, with a picture at each end.

function showDirections() {
  if (!known) return;
  const { first } = classes();
  const rows = state.further.map((value, at) => {
    const picture = (end) => {
      const image = make("img", { class: "pixels", width: 42, alt: "" });
      const further = state.further.map((each, place) => round(place === at ? end : each)).join(",");
      load("morph", { ...latent(), x: round(state.x), y: round(state.y), further, first, scale: 2 }, image).catch((problem) => tell(problem.message));
      return image;
    };
    const slider = make("input", { type: "range", min: -3, max: 3, step: 0.05, value, "data-direction": at });
    slider.addEventListener("input", () => {
      state.further[at] = Number(slider.value);
      show();
    });
    slider.addEventListener("change", () => {
      drawMap();
      showDirections();
      byId("explore-directions").querySelector(`[data-direction="${at}"]`)?.focus();
    });
    return make("div", { class: "ends" }, picture(-END), make("label", {}, `Direction ${at + 3}`, slider), picture(END));
  });
  byId("explore-directions").replaceChildren(...rows);
}

let asked = 0;
async function nearest(values) { // of training images
  const number = ++asked;
  try {
    const found = await get("nearest", { ...values, count: 5 });
    if (number !== asked) return;
    const images = unpack(found.images);
    byId("explore-nearest").replaceChildren(...found.labels.map((name, place) =>
      tile(images, place, 56, `${name} · ${found.distances[place].toFixed(0)}`, `training image of ${name}, ${found.distances[place].toFixed(0)} levels away`)));
    const copies = found.distances[0] < 0.5 * found.typical;
    byId("explore-copies").textContent = `The nearest training images, with their distance in levels of 255. Two training images that are neighbours are typically ${found.typical.toFixed(0)} apart. ${copies ? "This image is much closer: it may be a copy." : "No training image is unusually close."}`;
  } catch (problem) {
    if (number !== asked) return;
    byId("explore-nearest").replaceChildren();
    byId("explore-copies").textContent = problem.message;
  }
}

async function begin() {
  pins.a = pins.b = null;
  const { x, y, further } = await get("spot", { ...latent(), count: DIRECTIONS });
  Object.assign(state, { x, y, further: further ? further.split(",").map(Number) : [] });
  [view.x, view.y, view.width] = [0, 0, 6];
  show();
  showDirections();
  drawMap();
}

async function take(model) {
  known = await get(`models/${encodeURIComponent(model)}`);
  state.model = model;
  const names = known.class_names.map((name, label) => [String(label), name]);
  if (!(state.first in known.class_names)) state.first = "0";
  if (state.second !== "" && !(state.second in known.class_names)) state.second = "";
  options(byId("explore-first"), names, state.first);
  options(byId("explore-second"), [["", "(none)"], ...(known.conditional ? names : [])], state.second);
  pins.a = pins.b = null;
}

byId("explore-model").addEventListener("change", (event) => {
  state.code = "";
  take(event.target.value).then(begin).catch((problem) => tell(problem.message));
});
for (const name of ["first", "second", "share"]) {
  byId(`explore-${name}`).addEventListener(name === "share" ? "input" : "change", (event) => {
    state[name] = name === "share" ? Number(event.target.value) : event.target.value;
    if (name === "second" && state.share === 0) {
      state.share = 0.5; // at 0, the second class would have no effect
      byId("explore-share").value = state.share;
    }
    show();
    drawMap();
    if (name === "first") showDirections();
  });
}
byId("explore-new").addEventListener("click", () => {
  state.seed += 1;
  state.code = "";
  begin().catch((problem) => tell(problem.message));
});
byId("explore-link").addEventListener("click", async (event) => {
  try {
    await navigator.clipboard.writeText(location.href);
    event.target.textContent = "Copied";
  } catch {
    event.target.textContent = "Copy the address instead";
  }
  setTimeout(() => { event.target.textContent = "Copy link"; }, 1500);
});
byId("map-in").addEventListener("click", () => zoom(1 / 1.5));
byId("map-out").addEventListener("click", () => zoom(1.5));
byId("map-set-a").addEventListener("click", () => setPin("a"));
byId("map-set-b").addEventListener("click", () => setPin("b"));
byId("map-morph").addEventListener("input", (event) => morph(Number(event.target.value)));
byId("map-morph").addEventListener("change", () => { // the further directions may have changed
  drawMap();
  showDirections();
});
byId("explore-form").addEventListener("submit", (event) => event.preventDefault());
new ResizeObserver(() => { if (known && !byId("explore").hidden) { placeMap(); drawMap(); } }).observe(map);

export async function enter(values) {
  if (values.model && values.model !== state.model) state.code = ""; // a latent of another model
  for (const name of ["first", "second", "code"]) if (values[name] !== undefined) state[name] = values[name];
  for (const name of ["seed", "share"]) if (values[name] !== undefined) state[name] = Number(values[name]) || 0;
  state.share = Math.max(0, Math.min(1, state.share));
  const models = await get("models");
  await take(chooseModel(byId("explore-model"), models, values.model, state.model));
  byId("explore-share").value = state.share;
  await begin();
  if (values.x !== undefined) {
    if (values.further) state.further = values.further.split(",").map((each) => within(Number(each) || 0));
    recall(values);
    go(Number(values.x) || 0, Number(values.y) || 0);
    showDirections();
    drawMap();
  }
}
