// The Lab: one picture of both networks, live from a running training, and the previews and curves of any run.

import { get, post } from "./api.js";
import { byId, count, make, options, remember, tell } from "./dom.js";
import { paint, tile, unpack } from "./pictures.js";
import { Histogram, mean } from "./plot.js";
import { RunPanel, sentence } from "./run_panel.js";
import { Follower } from "./stream.js";

const TILE = 56, LARGE = 280; // sizes in pixels of the screen
const FILM = 600; // most frames that are kept
const histogram = new Histogram("Scores of this step");
byId("lab-histogram").append(histogram.element);

let shown = []; // [Follower, RunPanel] of each run
let share = 1; // slider position as a share of the longer run; 1 follows the latest preview
let place = {};
let chosen = { set: "fakes", at: 0 }; // the image whose gradient is shown large
let film = []; // the images of the latents that never change, at each snapshot of this visit
let playing = null;

const main = () => shown[0]?.[0];

// The images of a snapshot, the highest score first.
const sorted = (scores) => scores.map((score, at) => ({ score, at })).sort((one, other) => other.score - one.score);
const signed = (score) => (score >= 0 ? "+" : "−") + Math.abs(score).toFixed(1);

function showGame(snapshot) {
  const names = snapshot.class_names;
  const sets = { fakes: snapshot.fake, reals: snapshot.real, fixed: snapshot.fixed };
  for (const set of Object.values(sets)) {
    set.unpacked ??= unpack(set.images);
    if (set.gradient) set.unpackedGradient ??= unpack(set.gradient);
  }
  const name = (label) => (names.length > 1 ? names[label] : "");
  const fill = (id, set, what, pressable) => {
    const focused = byId(id).contains(document.activeElement) ? [...byId(id).children].indexOf(document.activeElement) : -1;
    byId(id).replaceChildren(...sorted(set.scores).map(({ score, at }) => {
      const text = `${name(set.labels[at])} ${signed(score)}`.trim();
      const label = `${text}, ${what}`;
      const key = id.replace("lab-", "");
      return tile(set.unpacked, at, TILE, text, {
        label,
        press: pressable ? () => { chosen = { set: key, at }; showGame(snapshot); } : null,
        pressed: chosen.set === key && chosen.at === at,
      });
    }));
    if (focused >= 0) byId(id).children[focused]?.focus();
  };
  fill("lab-fakes", sets.fakes, "fake", true);
  fill("lab-reals", sets.reals, "real", false);
  histogram.show(snapshot.real_scores, snapshot.fake_scores);
  byId("lab-overlap").textContent = overlap(snapshot.real_scores, snapshot.fake_scores);
  for (const element of document.querySelectorAll("#lab-game [data-term]")) {
    const value = snapshot.terms[element.dataset.term];
    if (Number.isFinite(value)) element.textContent = value.toFixed(3);
  }
  for (const network of ["generator", "discriminator"]) {
    const element = byId(`lab-${network}`);
    const learned = snapshot.updated === network;
    element.classList.toggle("learned", learned);
    element.classList.toggle("pulse", learned && element.dataset.step !== `${snapshot.step}`);
    if (learned) element.dataset.step = snapshot.step;
  }
  showLarge(sets, name);
  showClasses(snapshot, sets.fixed, names);
  byId("lab-update").textContent = snapshot.halves ? "Half a step" : "Both learn at once";
}

function overlap(real, fake) {
  let best = 0;
  for (const limit of [...real, ...fake]) {
    const right = real.filter((score) => score >= limit).length + fake.filter((score) => score < limit).length;
    best = Math.max(best, right / (real.length + fake.length));
  }
  const told = best > 0.95 ? "The two part: fakes are easy to tell." : best < 0.65 ? "The two overlap: the discriminator can hardly tell." : "The two overlap in part.";
  return `${told} The best limit between them would be right for ${Math.round(100 * best)} % of the images. Mean score: real ${signed(mean(real))}, fakes ${signed(mean(fake))}.`;
}

function showLarge(sets, name) {
  let set = sets[chosen.set];
  if (!set?.unpackedGradient || chosen.at >= set.unpacked.count) {
    chosen = { set: "fakes", at: 0 };
    set = sets.fakes;
  }
  const canvas = byId("lab-large");
  paint(canvas, set.unpacked, chosen.at, LARGE, byId("lab-gradient").checked ? set.unpackedGradient : null);
  canvas.setAttribute("aria-label", `${chosen.set === "fixed" ? "Image of a latent that never changes" : "Fake"} ${name(set.labels[chosen.at])}, score ${signed(set.scores[chosen.at])}, with the changes that would raise its score`);
}

function showFilm() {
  const slider = byId("lab-film");
  const frame = film[Math.min(film.length - 1, Number(slider.value))];
  if (!frame) return;
  const { snapshot } = frame;
  const names = snapshot.class_names;
  byId("lab-fixed").replaceChildren(...snapshot.fixed.labels.map((label, at) =>
    tile(snapshot.fixed.unpacked, at, TILE, signed(snapshot.fixed.scores[at]), {
      label: `${signed(snapshot.fixed.scores[at])}, latent ${at + 1}${names.length > 1 ? `, class ${names[label]}` : ""}`,
      press: frame === film.at(-1) ? () => { chosen = { set: "fixed", at }; showGame(snapshot); } : null,
      pressed: chosen.set === "fixed" && chosen.at === at,
    })));
  byId("lab-frame").textContent = `frame ${film.indexOf(frame) + 1} of ${film.length}, after ${count(snapshot.images_seen)} images`;
}

function showClasses(snapshot, fixed, names) {
  const scores = main()?.facts?.scores?.at(-1);
  if (names.length < 2) {
    byId("lab-classes").replaceChildren(make("p", { class: "aside", text: "This training has no classes." }));
    return;
  }
  byId("lab-classes").replaceChildren(...names.slice(0, 20).map((name, label) => {
    const canvas = make("canvas", { "aria-hidden": "true" });
    const at = fixed.labels.indexOf(label);
    if (at >= 0) paint(canvas, fixed.unpacked, at, 28);
    const made = make("div", { role: "group", "aria-label": `class ${name}` }, make("strong", { text: name }), canvas);
    const add = (text, value) => {
      if (!Number.isFinite(value)) return;
      const shown = `${Math.round(100 * value)} %`;
      made.append(make("span", { text: `${text} ${shown}` }), make("meter", { min: 0, max: 1, low: 0.4, value: Math.min(1, value), "aria-label": `${text} of class ${name}`, text: shown }));
    };
    add("variety", snapshot.variety[name]);
    add("accuracy", scores?.accuracy_of_class?.[name]);
    return made;
  }));
}

function draw() {
  const run = main();
  const longest = Math.max(1, ...shown.map(([follower]) => follower.length));
  const newest = Math.max(0, ...shown.map(([follower]) => follower.previews.at(-1) ?? 0));
  const at = share < 1 ? Math.round(share * longest) : Infinity;
  byId("lab-slider").hidden = newest === 0;
  byId("lab-count").textContent = share < 1 ? `${count(at)} images seen` : "latest";
  for (const [follower, panel] of shown) panel.draw(follower, at);
  if (run?.facts) byId("lab-state").textContent = sentence(run.facts);
  byId("lab-data").textContent = run?.facts ? `what the generator should learn to draw: ${run.facts.data}` : "";
  const live = run?.facts?.phase === "training" || run?.facts?.phase === "paused";
  byId("lab-pace").hidden = !live;
  const { snapshot } = run ?? {};
  byId("lab-game").hidden = byId("lab-more").hidden = !snapshot;
  if (snapshot && snapshot !== byId("lab-game").snapshot) {
    byId("lab-game").snapshot = snapshot;
    showGame(snapshot);
    showFilm();
    showPace(snapshot.pace);
  }
  remember("lab", { run: place.run, beside: place.beside, at: share < 1 ? share.toFixed(3) : "" });
}

function showPace(pace) {
  for (const button of document.querySelectorAll("#lab-pace [data-pace]")) button.setAttribute("aria-pressed", String(button.dataset.pace === pace));
  byId("lab-update").disabled = byId("lab-step").disabled = pace !== "paused";
  byId("lab-seconds-label").hidden = pace !== "slow";
}

function keepFrame(snapshot) {
  snapshot.fixed.unpacked ??= unpack(snapshot.fixed.images);
  const slider = byId("lab-film");
  const follows = Number(slider.value) >= Number(slider.max);
  film.push({ snapshot });
  if (film.length > FILM) film = film.filter((_, at) => at % 2 === 0 || at > FILM - 20); // thin out the past
  slider.max = film.length - 1;
  if (follows && !playing) slider.value = slider.max;
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

function show(run, beside) {
  leave();
  place = { run, beside };
  film = [];
  Object.assign(byId("lab-film"), { max: 0, value: 0 });
  byId("lab-game").snapshot = null;
  shown = [run, beside].filter(Boolean).map((name, number) => {
    const follower = new Follower(name, draw);
    follower.wantsSnapshots = number === 0;
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
byId("lab-update").addEventListener("click", () => change({ advance: "update" }));
byId("lab-step").addEventListener("click", () => change({ advance: "step" }));
byId("lab-seconds").addEventListener("change", (event) => change({ seconds: Number(event.target.value) }));
byId("lab-gradient").addEventListener("change", () => { if (main()?.snapshot) showGame(main().snapshot); });
byId("lab-film").addEventListener("input", showFilm);
byId("lab-play").addEventListener("click", play);

export async function enter(values) {
  const { runs } = await get("runs");
  const names = runs.map(({ name, phase }) => [name, phase === "training" ? `${name} (training)` : name]);
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
  for (const [follower] of shown) follower.close();
  shown = [];
  if (playing) play();
}
