// The Draw section: a visitor's digit is recognised, redrawn by the generator, and shown as every class in its style.

import { get, post } from "./api.js";
import { byId, chooseModel, make, options, remember, tell } from "./dom.js";
import { load, paint, tile, unpack } from "./pictures.js";

const SIDE = 140; // side in pixels of the drawing that is sent
const PEN = 22; // width of the pen, of the 280 pixels of the canvas
const PAUSE = 150; // milliseconds without a stroke after which the drawing is sent

const canvas = byId("draw-canvas");
const pen = canvas.getContext("2d", { willReadFrequently: true });
let model = "mnist";
let empty = true; // whether the canvas shows only its hint
let last = null; // the point where the pen is; null if it is up
let timer = null;
let busy = false;
let version = 0; // counts the drawings that were begun: an answer to an earlier one is dropped
let length = 0; // of the strokes, in pixels of the canvas
let again = false; // whether the drawing changed while a request was under way

function clear() {
  clearTimeout(timer);
  version += 1;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  byId("draw-label").textContent = "?";
  byId("draw-state").textContent = "";
  length = 0;
  again = false;
  for (const id of ["draw-chances", "draw-every"]) byId(id).replaceChildren();
  for (const id of ["draw-placed", "draw-redrawn"]) byId(id).width = byId(id).height = 1;
  byId("draw-error").textContent = "";
  for (const caption of byId("draw").querySelectorAll("figcaption")) caption.hidden = true;
  Object.assign(pen, { fillStyle: "#9aa4b0", font: "20px system-ui", textAlign: "center" });
  pen.fillText("Draw a digit here", 140, 145);
  empty = true;
  byId("draw-write").hidden = byId("draw-explore").hidden = true;
}

function begin() { // wipe the hint away
  if (!empty) return;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  empty = false;
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
}

function stroke(to) {
  Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  pen.beginPath();
  pen.moveTo(last.x, last.y);
  pen.lineTo(to.x + 0.01, to.y);
  pen.stroke();
  length += Math.hypot(to.x - last.x, to.y - last.y);
  last = to;
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  begin();
  last = point(event);
  stroke(last);
});
canvas.addEventListener("pointermove", (event) => {
  if (last === null) return;
  for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(point(each));
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });

function levels() { // the drawing in grey, reduced by the browser
  const small = document.createElement("canvas");
  small.width = small.height = SIDE;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  let text = "";
  for (let pixel = 0; pixel < SIDE * SIDE; pixel += 1) text += String.fromCharCode(data[4 * pixel]);
  return btoa(text);
}

async function ask() {
  if (length < PEN) { // a mere dot
    byId("draw-state").textContent = "Go on drawing: one dot is too little to be recognised.";
    return;
  }
  byId("draw-state").textContent = "Recognising it, and searching for the image of the generator that comes closest …";
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  do {
    again = false;
    const begun = version;
    try {
      const found = await post("draw", { model, width: SIDE, height: SIDE, levels: levels() });
      if (begun === version) answer(found);
      tell(null);
    } catch (problem) {
      byId("draw-state").textContent = "";
      tell(problem.message);
    }
  } while (again);
  busy = false;
  canvas.dataset.answered = Number(canvas.dataset.answered ?? 0) + 1;
}

function answer(found) {
  for (const caption of byId("draw").querySelectorAll("figcaption")) caption.hidden = false;
  const names = found.class_names;
  byId("draw-label").textContent = names[found.label];
  byId("draw-state").textContent = "";
  byId("draw-chances").replaceChildren(...found.probabilities.flatMap((chance, label) => [
    make("span", { text: names[label] }),
    make("meter", { min: 0, max: 1, value: chance, "aria-label": `probability of ${names[label]}`, text: `${Math.round(100 * chance)} %` }),
    make("span", { text: `${Math.round(100 * chance)} %` }),
  ]));
  if (!found.probabilities.length) byId("draw-chances").append(make("p", { class: "aside", text: "No classifier of this model's data is at hand: the class is the one that the generator redraws best." }));
  paint(byId("draw-placed"), unpack(found.placed), 0, 112);
  paint(byId("draw-redrawn"), unpack(found.redrawn), 0, 112);
  byId("draw-error").textContent = `The generator searched for the latent whose image is closest to yours: ${found.error.toFixed(0)} of 255 levels apart on average, found in ${found.seconds.toFixed(1)} s.`;
  const every = unpack(found.every_class);
  byId("draw-every").replaceChildren(...names.map((name, label) => tile(every, label, 56, name, `${name} in your style`)));
  const link = (room, values) => `#${room}?${new URLSearchParams({ model, code: found.style, ...values })}`;
  byId("draw-write").href = link("write", { text: "2026" });
  byId("draw-explore").href = link("explore", { first: String(found.label) });
  byId("draw-write").hidden = byId("draw-explore").hidden = false;
}

async function example(name) { // for visitors without a pointer
  const image = await load("morph", { model, first: name, seed: Math.floor(Math.random() * 1e6), scale: 5 });
  clear();
  begin();
  pen.imageSmoothingEnabled = true;
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  length = Infinity; // an example counts as drawn
  await ask();
}

async function take(name, keep = false) { // keep: whether the drawing stays, for a comparison of models
  model = name;
  remember("draw", { model });
  const { class_names: names } = await get(`models/${encodeURIComponent(name)}`);
  options(byId("draw-example"), [["", "…"], ...names.map((each) => [each, each])], "");
  if (!keep || empty) clear();
  else await ask();
}

byId("draw-clear").addEventListener("click", clear);
byId("draw-model").addEventListener("change", (event) => take(event.target.value, true).catch((problem) => tell(problem.message)));
byId("draw-example").addEventListener("change", (event) => {
  if (event.target.value) example(event.target.value).catch((problem) => tell(problem.message));
});
byId("draw-form").addEventListener("submit", (event) => event.preventDefault());

let entered = false;

export async function enter(values) {
  const all = await get("models"), models = all.filter(({ channels }) => channels !== 3); // a drawing is grey
  const refused = all.length > models.length && all.some(({ name, channels }) => name === values.model && channels === 3);
  if (refused) tell(`${values.model} generates colour images, and a drawing is grey: another model is chosen.`);
  const chosen = chooseModel(byId("draw-model"), models, refused ? undefined : values.model, model);
  if (!entered || chosen !== model) await take(chosen); // the drawing stays when the visitor comes back
  entered = true;
}
