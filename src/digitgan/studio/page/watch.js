// Watch: one run, or two side by side, live while they train.

import { address, get } from "./api.js";
import { chart } from "./chart.js";
import { byId, count, duration, make, options, remember, tell } from "./place.js";

const PHASES = {
  starting: "begins", training: "trains", ending: "comes to its end", paused: "is paused", stopped: "was stopped", finished: "has finished",
  failed: "has been given up", interrupted: "was interrupted: nobody trains it",
};
let shown = []; // one Panel a run
let share = 1; // where the slider stands, as a share of the longer run; 1 follows the newest
let room = {};

class Panel {
  constructor(name) {
    this.name = name;
    this.facts = null;
    this.title = make("h3", { text: name });
    this.state = make("p", { class: "aside" });
    this.image = make("img", { class: "pixels", alt: "" });
    this.caption = make("figcaption");
    this.charts = make("div");
    this.diagnostics = make("div", { "aria-live": "polite" });
    this.element = make("article", { "data-run": name }, this.title, this.state,
      make("figure", {}, this.image, this.caption), this.charts, this.diagnostics);
    this.listen();
  }

  listen() { // from the beginning
    this.history = [];
    this.previews = [];
    this.ended = false;
    this.source = new EventSource(address(`runs/${encodeURIComponent(this.name)}/events`));
    this.source.addEventListener("history", (event) => this.history.push(...JSON.parse(event.data)) && soon());
    this.source.addEventListener("previews", (event) => this.previews.push(...JSON.parse(event.data)) && soon());
    this.source.addEventListener("again", () => { this.history = []; this.previews = []; });
    this.source.addEventListener("facts", (event) => { this.facts = JSON.parse(event.data); soon(); });
    this.source.addEventListener("end", (event) => {
      this.ended = true;
      this.source.close();
      const { problem } = JSON.parse(event.data);
      if (problem) tell(problem);
    });
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED) {
        this.lookOnce();
        return;
      }
      this.history = []; // the browser asks again by itself, from the beginning
      this.previews = [];
    };
  }

  async lookOnce() { // the server has refused to be watched: too many watch, or the run is gone
    const run = `runs/${encodeURIComponent(this.name)}`;
    try {
      [this.facts, this.history, this.previews] = await Promise.all([get(run), get(`${run}/history`), get(`${run}/previews`)]);
      tell(`Too many pages watch already: ${this.name} is shown as it stands now, and is not followed. Close one, then open this again.`);
      soon();
    } catch (problem) {
      tell(problem.message);
    }
  }

  close() { this.source.close(); }

  // A browser has six connections to a server: pages that nobody sees would keep them from those that somebody does.
  rest(hidden) {
    if (this.ended) return;
    this.close();
    if (!hidden) this.listen();
  }

  get length() { return Math.max(this.facts?.images ?? 0, this.history.at(-1)?.images_seen ?? 0, this.previews.at(-1) ?? 0); }

  draw(at) {
    const { facts } = this;
    if (facts) {
      const parts = [PHASES[facts.phase] ?? facts.phase, `${count(facts.images_seen)} of ${count(facts.images)} images`];
      if (facts.seconds) parts.push(`${duration(facts.seconds)} trained`);
      if (facts.phase === "training" && facts.seconds_left !== null) parts.push(`${duration(facts.seconds_left)} left`);
      this.state.textContent = `${facts.recipe} on ${facts.data}, seed ${facts.seed}: ${parts.join(", ")}.`;
    }
    const before = this.previews.filter((images) => images <= at);
    const images = before.at(-1) ?? this.previews[0];
    if (images !== undefined && this.image.dataset.at !== String(images)) {
      this.image.dataset.at = images;
      this.image.src = address(`runs/${encodeURIComponent(this.name)}/previews/${images}`);
      this.image.alt = `What ${this.name} drew after ${count(images)} images: a grid of the same latents at every count`;
      this.caption.textContent = `Drawn after ${count(images)} images`;
    }
    const mark = share < 1 ? at : null;
    const charts = [
      chart("Losses", [{ name: "discriminator", key: "discriminator_loss", of: "first" }, { name: "generator", key: "generator_loss", of: "second" }], this.history, this.length, mark),
      chart("Scores by the discriminator", [{ name: "real", key: "score_real", of: "first" }, { name: "drawn", key: "score_fake", of: "second" }], this.history, this.length, mark),
      chart("Rightly told", [{ name: "real", key: "accuracy_real", of: "first" }, { name: "drawn", key: "accuracy_fake", of: "second" }], this.history, this.length, mark, [0, 1]),
    ];
    if (facts?.scores?.length) {
      charts.push(chart("Class accuracy of what is drawn", [{ name: "class accuracy", key: "class_accuracy", of: "first" }], facts.scores, this.length, mark, [0, 1]));
    }
    this.charts.replaceChildren(...charts);
    const diagnostics = [...(facts?.diagnostics ?? [])];
    if (facts?.problem) diagnostics.unshift({ tone: "warning", title: "What it said last", text: facts.problem });
    const words = JSON.stringify(diagnostics);
    if (words === this.words) return; // what is read aloud is read aloud again whenever it is replaced
    this.words = words;
    this.diagnostics.replaceChildren(...diagnostics.map(({ tone, title, text }) =>
      make("p", { class: `remark ${tone}` }, make("strong", { text: title }), text)));
  }
}

let waiting = false;
function soon() { // many events come at once
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

function draw() {
  const longest = Math.max(1, ...shown.map((panel) => panel.length));
  const newest = Math.max(0, ...shown.map((panel) => panel.previews.at(-1) ?? 0));
  const at = share < 1 ? Math.round(share * longest) : Infinity;
  byId("watch-slider").hidden = newest === 0;
  byId("watch-count").textContent = share < 1 ? `${count(at)} images seen` : "the newest";
  for (const panel of shown) panel.draw(at);
  remember("watch", { run: room.run, beside: room.beside, at: share < 1 ? share.toFixed(3) : "" });
}

function show(run, beside) {
  room = { run, beside };
  for (const panel of shown) panel.close();
  shown = [run, beside].filter(Boolean).map((name) => new Panel(name));
  byId("watched").replaceChildren(...shown.map((panel) => panel.element));
  draw();
}

document.addEventListener("visibilitychange", () => {
  for (const panel of shown) panel.rest(document.hidden);
});
byId("watch-run").addEventListener("change", (event) => show(event.target.value, room.beside));
byId("watch-other").addEventListener("change", (event) => show(room.run, event.target.value));
byId("watch-at").addEventListener("input", (event) => {
  share = Number(event.target.value) / 1000;
  draw();
});
byId("watch-form").addEventListener("submit", (event) => event.preventDefault());

export async function enter(values) {
  const { runs } = await get("runs");
  const names = runs.map(({ name, phase }) => [name, phase === "training" ? `${name} (trains)` : name]);
  byId("watch-none").hidden = names.length > 0;
  byId("watch-form").hidden = names.length === 0;
  const known = (name) => (runs.some((run) => run.name === name) ? name : "");
  const run = known(values.run) || names[0]?.[0] || "";
  if (values.run && run !== values.run) tell(`There is no run ${values.run} here.`);
  share = values.at ? Math.max(0, Math.min(1, Number(values.at) || 0)) : 1;
  byId("watch-at").value = 1000 * share;
  options(byId("watch-run"), names, run);
  options(byId("watch-other"), [["", "(no other)"], ...names], known(values.beside));
  show(run, known(values.beside));
}

export function leave() {
  for (const panel of shown) panel.close();
  shown = [];
}
