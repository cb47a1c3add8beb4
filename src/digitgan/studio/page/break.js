// The Break it section: experiments that change one part of a training, each beside a healthy training with the same seed.

import { address, get, post } from "./api.js";
import { byId, count, make, remember, tell } from "./dom.js";
import { correctChart, lossChart, sentence } from "./run_panel.js";
import { Follower } from "./stream.js";

let experiments = [];
let stages = [];
let wanted = 0; // number of the last experiment: an earlier one that is still starting is dropped
let last = null; // the experiment on the stage, which stays when the visitor comes back

class Stage { // one of the two trainings
  constructor(name, title) {
    this.title = title;
    this.state = make("p", { class: "aside", text: "Starting …" });
    this.preview = make("img", { class: "pixels", alt: "" });
    this.caption = make("figcaption", { text: "The first images appear after some seconds." });
    this.alarms = make("div", { "aria-live": "polite" });
    this.losses = lossChart();
    this.accuracy = correctChart();
    this.element = make("article", { class: "panel stack", "data-run": name }, make("h3", { text: title }), this.state, make("figure", {}, this.preview, this.caption), this.alarms, this.losses.element, this.accuracy.element);
    this.follower = new Follower(name, () => this.draw());
  }

  draw() {
    const { facts, history, previews, path } = this.follower;
    if (facts) {
      this.state.textContent = sentence(facts);
      const alarms = (facts.alarms ?? []).map((text) => make("p", { class: "remark warning" }, make("strong", { text: "The guard" }), text));
      const words = JSON.stringify(facts.alarms);
      if (words !== this.words) this.alarms.replaceChildren(...alarms); // screen readers announce replaced text again
      this.words = words;
      this.changed?.();
    }
    const latest = previews.at(-1);
    if (latest !== undefined && latest !== this.latest) {
      this.latest = latest;
      this.preview.src = address(`${path}/previews/${latest}`);
      this.preview.alt = `Images of ${this.title} after ${count(latest)} images: a class in each column, ten latents in the rows`;
      this.caption.textContent = `After ${count(latest)} images: a class in each column, and the same ten latents in the rows all the time`;
    }
    this.losses.show(history, null);
    this.accuracy.show(history, null);
  }

  close() {
    this.follower.close();
    this.losses.close();
    this.accuracy.close();
  }
}

function card(experiment) {
  const start = make("button", { type: "button", class: "first", text: "Run it", "aria-label": `Run it: ${experiment.title}` });
  start.addEventListener("click", () => begin(experiment, start));
  return make("article", { class: "panel card", "data-experiment": experiment.name }, make("h3", { text: experiment.title }),
    make("p", { text: experiment.look_for }), make("div", { class: "buttons" }, start, make("span", { class: "aside", text: "about a minute, on all cores" })));
}

async function begin(experiment, button) {
  button.disabled = true;
  try {
    const { healthy, broken } = await post(`experiments/${experiment.name}`);
    tell(null);
    await stage(experiment, healthy, broken);
    if (!byId("break-stage").hidden) byId("break-stage").scrollIntoView({ block: "start" });
  } catch (problem) {
    const running = problem.status === 429 ? await trainings().catch(() => []) : [];
    tell(problem.message, ...(running.length ? [stopper(running, () => begin(experiment, button))] : []));
  }
  button.disabled = false;
}

// The trainings that this page may stop.
async function trainings(among = null) {
  const { runs } = await get("runs");
  const names = runs.filter(({ phase, started_here: own }) => own && ["training", "paused"].includes(phase)).map(({ name }) => name);
  return among ? names.filter((name) => among.includes(name)) : names;
}

// Returns a button that stops trainings, and then goes on.
function stopper(names, goOn) {
  const button = make("button", { type: "button", text: `Stop ${names.join(" and ")}, then run it` });
  button.addEventListener("click", async () => {
    tell(`Stopping ${names.join(" and ")} … The experiment then starts by itself.`);
    try {
      await stopAll(names);
      await goOn();
    } catch (problem) {
      tell(problem.message);
    }
  });
  return make("span", { class: "buttons below" }, button);
}

async function stopAll(names) { // and wait until they have ended, with a checkpoint
  const paths = names.map((name) => `runs/${encodeURIComponent(name)}`);
  await Promise.all(paths.map((path) => post(`${path}/stop`)));
  for (let wait = 0; wait < 300; wait += 1) {
    const states = await Promise.all(paths.map((path) => get(path)));
    if (!states.some(({ started_here: running }) => running)) return;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

async function stage(experiment, healthy, broken) {
  leave();
  const number = ++wanted;
  for (let wait = 0; wait < 600; wait += 1) { // until both have a folder
    const { runs, pending } = await get("runs");
    const problem = pending.find(({ name, problem: words }) => [healthy, broken].includes(name) && words)?.problem;
    if (problem) throw new Error(problem);
    if ([healthy, broken].every((name) => runs.some((run) => run.name === name))) break;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    if (number !== wanted) return;
  }
  if (number !== wanted) return;
  last = { experiment: experiment.name, healthy, broken };
  stages = [new Stage(healthy, "Healthy"), new Stage(broken, experiment.title)];
  const answer = make("details", {}, make("summary", { text: "What happens, and why" }),
    make("p", { class: "below" }, make("strong", { text: "What happens: " }), experiment.happens),
    make("p", {}, make("strong", { text: "Why: " }), experiment.why), make("p", { class: "aside", text: `Changed: ${experiment.settings.join(", ")}` }));
  const stop = make("button", { type: "button", text: "Stop both" });
  stop.addEventListener("click", async () => {
    stop.disabled = true;
    try {
      await stopAll(await trainings([healthy, broken]));
    } catch (problem) {
      tell(problem.message);
    }
    stop.disabled = false;
  });
  const told = make("div", { class: "panel" }, make("h3", { text: experiment.title }),
    make("p", {}, make("strong", { text: "Look for: " }), experiment.look_for), answer, make("p", { class: "buttons below" }, stop));
  const early = make("p", { class: "remark", hidden: "" }, "A training was stopped before its end: the whole run shows more.");
  answer.append(early);
  const follow = () => { // the answer opens when both trainings have ended: until then, the visitor can look for it
    const phases = stages.map(({ follower }) => follower.facts?.phase);
    stop.parentElement.hidden = !phases.some((phase) => ["training", "paused"].includes(phase));
    if (phases.every((phase) => phase && !["starting", "training", "ending", "paused"].includes(phase)) && !answer.dataset.opened) {
      early.hidden = !phases.some((phase) => ["stopped", "interrupted"].includes(phase));
      answer.open = true;
      answer.dataset.opened = "yes";
    }
  };
  for (const each of stages) each.changed = follow;
  byId("break-stage").replaceChildren(told, make("div", { class: "grid" }, ...stages.map(({ element }) => element)));
  byId("break-stage").hidden = byId("break-more").hidden = false;
  for (const each of stages) each.draw();
  remember("break", { experiment: experiment.name, healthy, broken });
}

export async function enter(values) {
  if (!experiments.length) {
    experiments = await get("experiments");
    byId("break-list").replaceChildren(...experiments.map(card));
  }
  const shown = values.experiment ? values : last ?? {};
  const experiment = experiments.find(({ name }) => name === shown.experiment);
  if (experiment && shown.healthy && shown.broken) await stage(experiment, shown.healthy, shown.broken);
}

export function leave() {
  wanted += 1;
  for (const each of stages) each.close();
  stages = [];
}
