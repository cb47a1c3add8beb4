// The Explore section: a latent, moved along two principal directions and interpolated between two classes.

import { address, get, Picture } from "./api.js";
import * as pads from "./pad.js";
import { byId, options, remember, tell } from "./place.js";

const one = new Picture(byId("explore-picture"), tell);
const all = new Picture(byId("explore-all"), tell);
const state = { model: "mnist", seed: 0, first: "0", second: "", share: 0, x: 0, y: 0 };
let known = null; // the model description from the server

function show() {
  if (!known) return; // the model is not loaded yet
  const { model, seed, first, second, share, x, y } = state;
  const place = { model, seed, x: x.toFixed(3), y: y.toFixed(3) };
  const between = second !== "" && second !== first;
  const names = known.class_names;
  const what = between ? `between ${names[first]} and ${names[second]}, ${Math.round(share * 100)} %` : names[first];
  // Classes are sent by name: with numeric class names, an index could be the name of another class.
  one.show(address("morph", { ...place, first: names[first], second: between ? names[second] : "", share: between ? share : 0, scale: 10 }), `Generated image: ${what}`);
  all.show(address("morph", { ...place, every_class: true, scale: 2 }), `The same latent in every class: ${names.join(", ")}`);
  byId("explore-caption").textContent = what;
  byId("explore-share").disabled = !between;
  pads.show(byId("pad-dot"), byId("pad-where"), state);
  remember("explore", { model, seed, first, second, share, x: x.toFixed(3), y: y.toFixed(3) });
}

pads.listen(byId("pad"), state, show);

async function begin() {
  const { x, y } = await get("spot", { model: state.model, seed: state.seed });
  state.x = x;
  state.y = y;
  show();
}

async function take(model) {
  known = await get(`models/${encodeURIComponent(model)}`);
  state.model = model;
  const names = known.class_names.map((name, label) => [String(label), name]);
  if (!(state.first in known.class_names)) state.first = "0";
  if (state.second !== "" && !(state.second in known.class_names)) state.second = "";
  options(byId("explore-first"), names, state.first);
  options(byId("explore-second"), [["", "(none)"], ...(known.conditional ? names : [])], state.second);
}

byId("explore-model").addEventListener("change", (event) => {
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
  });
}
byId("explore-new").addEventListener("click", () => {
  state.seed += 1;
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
byId("explore-form").addEventListener("submit", (event) => event.preventDefault());

export async function enter(values) {
  for (const name of ["first", "second"]) if (values[name] !== undefined) state[name] = values[name];
  for (const name of ["seed", "share", "x", "y"]) if (values[name] !== undefined) state[name] = Number(values[name]) || 0;
  state.share = Math.max(0, Math.min(1, state.share));
  state.x = pads.within(state.x);
  state.y = pads.within(state.y);
  const models = await get("models");
  options(byId("explore-model"), models.map(({ name }) => [name, name]), values.model ?? state.model);
  await take(values.model ?? state.model);
  byId("explore-share").value = state.share;
  if (values.x === undefined && known && state.x === 0 && state.y === 0) await begin();
  else show();
}
