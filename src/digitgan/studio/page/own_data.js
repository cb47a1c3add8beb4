// Image sets of the user's own in the Train section: upload, what was understood, pictures of every class.

import { address, get, post, put } from "./api.js";
import { byId, count, make, options, tell } from "./dom.js";

let named = []; // data sets with a name
let own = []; // image sets of the user's own
let asked = 0; // number of the last request for a summary: only its answer is shown
let recommend = () => {}; // called with the recipe that suits the images

const data = byId("train-data");

export const isOwn = () => own.includes(data.value);

export function ownOptions() { // as in the body of a new run
  if (!isOwn()) return {};
  return {
    size: byId("own-size").value.trim() || null,
    fit: byId("own-fit").value,
    background: byId("own-background").value,
    invert_colours: byId("own-invert").checked,
    skip_damaged: byId("own-skip").checked,
  };
}

export async function listData(names, recipes) {
  [named, recommend] = [names, recipes];
  await refresh("mnist");
}

async function refresh(chosen) {
  own = (await get("data")).data;
  options(data, [...named, ...own].map((name) => [name, name]), chosen);
  await look();
}

function facts(found) {
  const splits = Object.entries(found.splits).map(([split, { images, shape: [channels, height, width], counts }]) => {
    const classes = Object.entries(counts).map(([name, number]) => `${name} ${count(number)}`).join(", ");
    return make("p", { text: `${split}: ${count(images)} ${channels === 1 ? "grey" : "colour"} images of ${width}x${height}. ${classes}` });
  });
  const notes = [...new Set(found.notes)].map((text) => make("li", { text }));
  const warnings = found.warnings.map((text) => make("li", { class: "warning", text }));
  const list = make("ul", {}, ...notes, ...warnings);
  const training = found.training.lines.map((text) => make("p", { class: found.training.problem ? "remark warning" : "aside", text }));
  byId("own-facts").replaceChildren(...splits, ...(list.children.length ? [list] : []), ...training);
}

async function look() { // show what is understood of the chosen images
  const number = ++asked;
  const picture = byId("own-classes");
  byId("train-own").hidden = !isOwn();
  byId("own-remove").hidden = !data.value.startsWith("upload/");
  picture.hidden = true;
  if (!isOwn()) return;
  byId("own-facts").replaceChildren(make("p", { class: "aside", text: "Reading the pictures …" }));
  const values = { name: data.value, ...ownOptions() };
  try {
    const found = await get("data/summary", values);
    if (number !== asked) return;
    facts(found);
    if (!found.training.problem) recommend(found.training.recipe);
    picture.src = address("data/classes.png", values);
    picture.alt = `Ten images of every class of ${found.name}`;
    picture.hidden = false;
    tell(null);
  } catch (problem) {
    if (number === asked) byId("own-facts").replaceChildren(make("p", { class: "remark warning", text: problem.message }));
  }
}

async function upload() {
  const [file] = byId("train-upload").files;
  if (!file) return;
  const bar = byId("train-uploading");
  bar.hidden = false;
  try {
    const { name } = await put("data/upload", { file: file.name }, file, (share) => { bar.value = share; });
    tell(null);
    await refresh(name);
  } catch (problem) {
    tell(problem.message);
  }
  bar.hidden = true;
  byId("train-upload").value = "";
}

async function remove() {
  try {
    await post(`data/remove?${new URLSearchParams({ name: data.value })}`);
    await refresh("mnist");
  } catch (problem) {
    tell(problem.message);
  }
}

data.addEventListener("change", look);
byId("train-upload").addEventListener("change", upload);
byId("own-remove").addEventListener("click", remove);
for (const id of ["own-size", "own-fit", "own-background", "own-invert", "own-skip"]) byId(id).addEventListener("change", look);
