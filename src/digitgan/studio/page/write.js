// The Write section: a text in one style.

import { get } from "./api.js";
import { byId, chooseModel, remember, tell } from "./dom.js";
import { Picture } from "./pictures.js";

const picture = new Picture(byId("write-picture"), tell, (url) => { byId("write-download").href = url; });
const state = { text: "2026", model: "mnist", seed: 0, style: 0, x: 0, y: 0, code: "" };

function show() {
  byId("write-download").download = `${state.text.replaceAll(/[^0-9A-Za-z-]+/g, "_") || "digits"}.png`;
  if (state.text.trim()) picture.show("write", { ...state, scale: 4 }, `“${state.text}” in ${state.code ? "the style of your drawing" : `style ${state.style} of seed ${state.seed}`}`);
  byId("write-own").hidden = !state.code;
  remember("write", state);
}

function listen(id, name, read = (value) => value) {
  byId(id).addEventListener(byId(id).tagName === "SELECT" ? "change" : "input", (event) => {
    state[name] = read(event.target.value);
    show();
  });
}

listen("write-text", "text");
listen("write-model", "model", (value) => {
  state.code = ""; // a latent of another model
  return value;
});
listen("write-x", "x", Number);
listen("write-y", "y", Number);
byId("write-new").addEventListener("click", () => {
  if (state.code) state.code = "";
  else state.style += 1;
  show();
});
byId("write-form").addEventListener("submit", (event) => event.preventDefault());

export async function enter(values) {
  if (values.model && values.model !== state.model) state.code = ""; // a latent of another model
  for (const name of ["text", "code"]) if (values[name] !== undefined) state[name] = values[name];
  for (const name of ["seed", "style", "x", "y"]) if (values[name] !== undefined) state[name] = Number(values[name]) || 0;
  const models = await get("models");
  state.model = chooseModel(byId("write-model"), models, values.model, state.model);
  byId("write-text").value = state.text;
  byId("write-x").value = state.x;
  byId("write-y").value = state.y;
  show();
}
