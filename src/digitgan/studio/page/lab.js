// The Lab: one picture of both networks, live from a running training, and the previews and curves of any run.

import { get, post } from "./api.js";
import { byId, count, make, options, remember, tell } from "./dom.js";
import { paint, showTiles, unpack } from "./pictures.js";
import { Histogram, mean } from "./plot.js";
import { RunPanel, sentence } from "./run_panel.js";
import { Follower } from "./stream.js";

const TILE = 56, LARGE = 280; // sizes in pixels of the screen
const FILM = 400; // most frames that are kept
const CLASSES = 20; // most classes that are shown one by one
const histogram = new Histogram("Scores of this step");
byId("lab-histogram").append(histogram.element);

let shown = []; // [Follower, RunPanel] of each run
let share = 1; // slider position as a share of the longer run; 1 follows the latest preview
let place = {};
let chosen = { set: "fakes", at: 0 }; // the image whose gradient is shown large
let film = []; // the images of the latents that never change, at each snapshot of this visit
let playing = null;

const main = () => shown[0]?.[0];

// The images of a snapshot, the highest score first. Within a step they keep their places, so that the eye can follow each.
const places = {}; // set -> { step, order }
function order(key, scores, step) {
  const before = places[key];
  if (before?.step !== step || before.order.length !== scores.length) {
    places[key] = { step, order: scores.map((_, at) => at).sort((one, other) => (scores[other] ?? -Infinity) - (scores[one] ?? -Infinity)) };
  }
  return places[key].order.map((at) => ({ at, score: scores[at] }));
}
const signed = (score) => (score === null || score === undefined ? "not a number" : (score >= 0 ? "+" : "−") + Math.abs(score).toFixed(1));

function unpackAll(snapshot) {
  for (const set of [snapshot.fake, snapshot.real, snapshot.fixed]) {
    set.unpacked ??= unpack(set.images);
    if (set.gradient) set.unpackedGradient ??= unpack(set.gradient);
  }
  return { fakes: snapshot.fake, reals: snapshot.real, fixed: snapshot.fixed };
}

const nameIn = (snapshot) => (label) => (snapshot.conditional ? snapshot.class_names[label] ?? "" : "");

function choose(set, at) {
  chosen = { set, at };
  const { snapshot } = main() ?? {};
  if (!snapshot) return;
  showGame(snapshot);
  showFilm();
}

function showGame(snapshot) {
  const sets = unpackAll(snapshot);
  const name = nameIn(snapshot);
  for (const [key, what] of [["fakes", "fake"], ["reals", "real"]]) {
    const set = sets[key];
    showTiles(byId(`lab-${key}`), order(key, set.scores, snapshot.step).map(({ score, at }) => {
      const now = `${name(set.labels[at])} ${signed(score)}`.trim();
      const before = set.earlier_scores ? `was ${signed(set.earlier_scores[at])}` : "";
      return { images: set.unpacked, at, text: before ? `${now}\n${before}` : now, label: [now, before, what].filter(Boolean).join(", "), pressed: chosen.set === key && chosen.at === at };
    }), TILE, key === "fakes" ? (at) => choose("fakes", at) : null);
  }
  const finite = (scores) => scores.filter((score) => score !== null);
  const [real, fake] = [finite(snapshot.real_scores), finite(snapshot.fake_scores)];
  if (real.length && fake.length) histogram.show(real, fake);
  byId("lab-overlap").textContent = real.length && fake.length ? overlap(snapshot, real, fake) : "The scores are not numbers any more: the training has diverged.";
  byId("lab-zero").hidden = !snapshot.paired;
  for (const element of document.querySelectorAll("#lab-game [data-term]")) {
    const value = snapshot.terms[element.dataset.term];
    if (value !== undefined) element.textContent = value === null ? "not a number" : value.toFixed(3);
  }
  for (const network of ["generator", "discriminator"]) {
    const element = byId(`lab-${network}`);
    const learned = snapshot.updated === network || snapshot.updated === "both";
    element.classList.toggle("learned", learned);
    element.classList.toggle("pulse", learned && element.dataset.step !== `${snapshot.step}`);
    if (learned) element.dataset.step = snapshot.step;
  }
  showLarge(sets, name);
  showClasses(snapshot, sets.fixed);
  byId("lab-update").hidden = !snapshot.halves;
}

function overlap(snapshot, real, fake) {
  let best = 0;
  for (const limit of [...real, ...fake]) {
    const right = real.filter((score) => score >= limit).length + fake.filter((score) => score < limit).length;
    best = Math.max(best, right / (real.length + fake.length));
  }
  const told = best > 0.95 ? "The scores differ: the discriminator tells fakes and real images apart." : best < 0.65 ? "The scores overlap: the discriminator can hardly tell fakes from real images." : "The scores overlap in part.";
  return `${told} One threshold separates ${Math.round(100 * best)} % of these ${real.length + fake.length} images correctly; guessing gets 50 %. Mean score: real ${meanOf(real, snapshot.real)}, fakes ${meanOf(fake, snapshot.fake)}.`;
}

function meanOf(scores, { earlier_scores: earlier }) {
  const before = (earlier ?? []).filter((score) => score !== null);
  return before.length ? `${signed(mean(before))} before, ${signed(mean(scores))} now` : signed(mean(scores));
}

function showLarge(sets, name) {
  let set = sets[chosen.set];
  if (!set?.unpackedGradient || chosen.at >= set.unpacked.count) {
    chosen = { set: "fakes", at: 0 };
    set = sets.fakes;
  }
  const canvas = byId("lab-large");
  paint(canvas, set.unpacked, chosen.at, LARGE, byId("lab-gradient").checked ? set.unpackedGradient : null);
  showInputs(set, name);
  canvas.setAttribute("aria-label", `${chosen.set === "fixed" ? "Image of a latent that never changes" : "Fake"} ${name(set.labels[chosen.at])}, score ${signed(set.scores[chosen.at])}, with the changes that would raise its score`);
}

function showInputs(set, name) { // of the chosen image: its latent as a strip of squares, and its label
  const latent = set.latents?.[chosen.at];
  const canvas = byId("lab-latent");
  byId("lab-input").closest("figure").hidden = !latent;
  if (!latent) return;
  const columns = Math.min(16, latent.length), side = 7;
  [canvas.width, canvas.height] = [columns * side, Math.ceil(latent.length / columns) * side];
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  latent.forEach((value, at) => {
    pen.globalAlpha = Math.min(1, Math.abs(value) / 2.5);
    pen.fillStyle = style.getPropertyValue(value > 0 ? "--brighter" : "--darker");
    pen.fillRect((at % columns) * side, Math.floor(at / columns) * side, side - 1, side - 1);
  });
  const label = name(set.labels[chosen.at]);
  canvas.setAttribute("aria-label", `The first ${latent.length} of ${set.latent_size} random numbers, from ${Math.min(...latent)} to ${Math.max(...latent)}`);
  byId("lab-input").textContent = `chosen: ${set.latent_size} numbers${label ? `, label ${label}` : ""}`;
}

function showFilm() {
  const slider = byId("lab-film");
  const frame = film[Math.min(film.length - 1, Number(slider.value))];
  if (!frame) return;
  const last = frame === film.at(-1);
  showTiles(byId("lab-fixed"), frame.labels.map((label, at) => {
    const text = signed(frame.scores[at]);
    const name = frame.name(label);
    return { images: frame.images, at, text, label: `${text}, latent ${at + 1}${name ? `, class ${name}` : ""}`, pressed: last && chosen.set === "fixed" && chosen.at === at };
  }), TILE, (at) => { if (last) choose("fixed", at); });
  byId("lab-play").disabled = film.length < 2;
  byId("lab-frame").textContent = `picture ${film.indexOf(frame) + 1} of ${film.length}, after ${count(frame.images_seen)} images`;
}

function showClasses(snapshot, fixed) {
  const names = snapshot.conditional ? snapshot.class_names : [];
  const scores = main()?.facts?.scores?.at(-1);
  if (names.length < 2) {
    byId("lab-classes").replaceChildren(make("p", { class: "aside", text: "This training has no classes." }));
    return;
  }
  const more = names.length > CLASSES ? [make("p", { class: "aside", text: `and ${names.length - CLASSES} more classes` })] : [];
  byId("lab-classes").replaceChildren(...names.slice(0, CLASSES).map((name, label) => {
    const made = make("div", { role: "group", "aria-label": `class ${name}` }, make("strong", { text: name }));
    const at = fixed.labels.indexOf(label);
    if (at >= 0) {
      const canvas = make("canvas", { "aria-hidden": "true" });
      paint(canvas, fixed.unpacked, at, 28);
      made.append(canvas);
    }
    const add = (text, value) => {
      if (!Number.isFinite(value)) return;
      const shown = `${Math.round(100 * value)} %`;
      made.append(make("span", { text: `${text} ${shown}` }), make("meter", { min: 0, max: 1, low: 0.4, value: Math.min(1, value), "aria-label": `${text} of class ${name}`, text: shown }));
    };
    add("variety, of real images", snapshot.variety[name]);
    add("accuracy", scores?.accuracy_of_class?.[name]);
    return made;
  }), ...more);
}

function draw() {
  const run = main();
  const longest = Math.max(1, ...shown.map(([follower]) => follower.length));
  const newest = Math.max(0, ...shown.map(([follower]) => follower.previews.at(-1) ?? 0));
  const at = share < 1 ? Math.round(share * longest) : Infinity;
  byId("lab-slider").hidden = newest === 0;
  byId("lab-count").textContent = share < 1 ? `${count(at)} images seen` : "latest";
  for (const [follower, panel] of shown) panel.draw(follower, at);
  if (run?.facts) {
    const paused = run.snapshot?.pace === "paused" && run.facts.phase === "training";
    const facts = paused ? { ...run.facts, phase: "paused", images_seen: run.snapshot.images_seen } : run.facts;
    byId("lab-state").textContent = sentence(facts);
  }
  byId("lab-resume").hidden = !["stopped", "interrupted"].includes(run?.facts?.phase);
  byId("lab-stop").hidden = !run?.facts?.started_here || !["training", "paused"].includes(run.facts.phase);
  if (run?.facts) nameTraining(run.facts);
  byId("lab-data").textContent = run?.facts ? `to be imitated: ${run.facts.data}` : "";
  byId("lab-hint").hidden = byId("lab-pace").hidden = run?.facts?.phase !== "training" || run.snapshot?.may_wait === false;
  const { snapshot } = run ?? {};
  byId("lab-game").hidden = byId("lab-more").hidden = !snapshot;
  if (snapshot && snapshot !== byId("lab-game").snapshot) {
    byId("lab-game").snapshot = snapshot;
    showGame(snapshot);
    showFilm();
    showPace(snapshot.pace);
    const slider = byId("lab-seconds");
    if (document.activeElement !== slider) slider.value = snapshot.seconds;
  }
  remember("lab", { run: place.run, beside: place.beside, at: share < 1 ? share.toFixed(3) : "" });
}

function nameTraining({ name, phase }) { // in the list of runs
  for (const option of byId("lab-run").options) if (option.value === name) option.text = optionText({ name, phase });
}

const optionText = ({ name, phase }) => (phase === "training" ? `${name} (training)` : name);

function showPace(pace) {
  for (const button of document.querySelectorAll("#lab-pace [data-pace]")) button.setAttribute("aria-pressed", String(button.dataset.pace === pace));
  byId("lab-update").disabled = byId("lab-step").disabled = pace !== "paused";
  byId("lab-seconds-label").hidden = pace !== "slow";
}

function keepFrame(snapshot) { // only what the film shows: whole snapshots would fill the memory
  const latest = film.at(-1);
  if (latest && latest.images_seen === snapshot.images_seen && latest.updated === snapshot.updated) return;
  unpackAll(snapshot);
  const { labels, scores, unpacked } = snapshot.fixed;
  const slider = byId("lab-film");
  const follows = Number(slider.value) >= Number(slider.max);
  const shownFrame = film[Number(slider.value)];
  film.push({ images: unpacked, labels, scores, name: nameIn(snapshot), images_seen: snapshot.images_seen, updated: snapshot.updated });
  if (film.length > FILM) film = film.filter((_, at) => at % 2 === 0 || at > FILM - 20); // thin out the past
  slider.max = film.length - 1;
  if (follows && !playing) slider.value = slider.max;
  else if (film.includes(shownFrame)) slider.value = film.indexOf(shownFrame);
}

function play() {
  const slider = byId("lab-film");
  if (playing) {
    clearInterval(playing);
    playing = null;
    byId("lab-play").textContent = "Play";
    return;
  }
  slider.value = 0;
  byId("lab-play").textContent = "Stop";
  playing = setInterval(() => {
    if (Number(slider.value) >= Number(slider.max)) {
      play();
      return;
    }
    slider.value = Number(slider.value) + 1;
    showFilm();
  }, 80);
}

async function change(body) {
  try {
    const { name } = await post(`runs/${encodeURIComponent(place.run)}/lab`, body);
    showPace(name);
    tell(null);
  } catch (problem) {
    tell(problem.message);
  }
}

async function stopOrResume(action) {
  const button = byId(`lab-${action}`), { run, beside } = place, path = `runs/${encodeURIComponent(run)}`;
  button.disabled = true;
  try {
    await post(`${path}/${action}`);
    tell(null);
    for (let wait = 0; action === "resume" && wait < 300 && (await get(path)).phase !== "training"; wait += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 200); });
    }
    if (action === "resume" && place.run === run && place.beside === beside) show(run, beside); // its events have ended
  } catch (problem) {
    tell(problem.message);
  }
  button.disabled = false;
}

function show(run, beside) {
  leave();
  place = { run, beside };
  film = [];
  Object.assign(byId("lab-film"), { max: 0, value: 0 });
  byId("lab-game").snapshot = null;
  shown = [run, beside].filter(Boolean).map((name, number) => {
    const follower = new Follower(name, draw);
    follower.wantsSnapshots = number === 0;
    if (number === 0) follower.look(); // a run that has ended has a last snapshot too
    follower.onSnapshot = keepFrame;
    return [follower, new RunPanel(name)];
  });
  byId("lab-runs").replaceChildren(...shown.map(([, panel]) => panel.element));
  byId("lab-none").hidden = Boolean(run);
  byId("lab-live").hidden = !run;
  if (run) draw();
}

async function begin() { // the first training of a visitor
  const button = byId("lab-begin");
  button.disabled = true;
  try {
    const { data } = await get("recipes");
    const { name } = await post("runs", { recipe: "fast", data: data.includes("mnist") ? "mnist" : data[0], minutes: 2 });
    byId("lab-beginning").textContent = "Loading the images and measuring the speed: a few seconds …";
    for (let wait = 0; wait < 600; wait += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 200); });
      const { runs, pending } = await get("runs");
      const problem = pending.find((run) => run.name === name)?.problem;
      if (problem) throw new Error(problem);
      if (runs.some((run) => run.name === name)) break;
    }
    byId("lab-beginning").textContent = "";
    await enter({ run: name });
  } catch (problem) {
    byId("lab-beginning").textContent = "";
    tell(problem.message);
  }
  button.disabled = false;
}

byId("lab-begin").addEventListener("click", begin);
byId("lab-run").addEventListener("change", (event) => show(event.target.value, place.beside));
byId("lab-other").addEventListener("change", (event) => show(place.run, event.target.value));
byId("lab-at").addEventListener("input", (event) => {
  share = Number(event.target.value) / 1000;
  draw();
});
byId("lab-form").addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("#lab-pace [data-pace]")) button.addEventListener("click", () => change({ pace: button.dataset.pace }));
for (const action of ["stop", "resume"]) byId(`lab-${action}`).addEventListener("click", () => stopOrResume(action));
byId("lab-update").addEventListener("click", () => change({ advance: "update" }));
byId("lab-step").addEventListener("click", () => change({ advance: "step" }));
byId("lab-seconds").addEventListener("change", (event) => change({ seconds: Number(event.target.value) }));
byId("lab-gradient").addEventListener("change", () => { if (main()?.snapshot) showGame(main().snapshot); });
byId("lab-film").addEventListener("input", showFilm);
byId("lab-play").addEventListener("click", play);

export async function enter(values) {
  const { runs } = await get("runs");
  const names = runs.map((run) => [run.name, optionText(run)]);
  const known = (name) => (runs.some((run) => run.name === name) ? name : "");
  const run = known(values.run) || runs.find(({ phase }) => phase === "training")?.name || names[0]?.[0] || "";
  if (values.run && run !== values.run) tell(`Run ${values.run}: not found.`);
  share = values.at ? Math.max(0, Math.min(1, Number(values.at) || 0)) : 1;
  byId("lab-at").value = 1000 * share;
  for (const label of byId("lab-form").querySelectorAll("label")) label.hidden = names.length === 0;
  options(byId("lab-run"), names, run);
  options(byId("lab-other"), [["", "(none)"], ...names], known(values.beside));
  show(run, known(values.beside));
}

export function leave() {
  for (const [follower, panel] of shown) {
    follower.close();
    panel.close();
  }
  shown = [];
  if (playing) play();
}
