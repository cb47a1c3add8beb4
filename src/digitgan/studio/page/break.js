// The Break it section: experiments that change one thing, each beside a healthy training with the same seed.

import { get, post } from "./api.js";
import { byId, make, remember, tell } from "./dom.js";
import { tile, unpack } from "./pictures.js";
import { LineChart } from "./plot.js";
import { sentence } from "./run_panel.js";
import { Follower } from "./stream.js";

let experiments = [];
let stages = [];

class Stage { // one of the two trainings
  constructor(name, title) {
    this.title = title;
    this.state = make("p", { class: "aside", text: "Starting …" });
    this.tiles = make("div", { class: "tiles", role: "group", "aria-label": `Images of ${title}: the same latents all the time` });
    this.alarms = make("div", { "aria-live": "polite" });
    this.losses = new LineChart("Losses", [{ name: "discriminator", key: "discriminator_loss", of: "first" }, { name: "generator", key: "generator_loss", of: "second" }], { unit: "loss" });
    this.accuracy = new LineChart("Images that the discriminator takes for what they are", [{ name: "real", key: "accuracy_real", of: "real" }, { name: "fakes", key: "accuracy_fake", of: "second" }], { fixed: [0, 1], unit: "share" });
    this.element = make("article", { class: "panel stack", "data-run": name }, make("h3", { text: title }), this.state, this.tiles, this.alarms, this.losses.element, this.accuracy.element);
    this.follower = new Follower(name, () => this.draw());
    this.follower.wantsSnapshots = true;
  }

  draw() {
    const { facts, history, snapshot } = this.follower;
    if (facts) {
      this.state.textContent = sentence(facts);
      const alarms = (facts.alarms ?? []).map((text) => make("p", { class: "remark warning" }, make("strong", { text: "The guard" }), text));
      if (alarms.length !== this.alarms.children.length) this.alarms.replaceChildren(...alarms);
    }
    if (snapshot && snapshot !== this.before) {
      this.before = snapshot;
      const images = unpack(snapshot.fixed.images);
      const names = snapshot.class_names;
      this.tiles.replaceChildren(...snapshot.fixed.labels.map((label, at) => tile(images, at, 56, names.length > 1 ? names[label] : "", { label: names.length > 1 ? `class ${names[label]}` : `image ${at + 1}` })));
    }
    this.losses.show(history, null);
    this.accuracy.show(history, null);
  }

  close() { this.follower.close(); }
}

function card(experiment) {
  const start = make("button", { type: "button", class: "first", text: "Run it", "aria-label": `Run it: ${experiment.title}` });
  start.addEventListener("click", () => begin(experiment, start));
  return make("article", { class: "panel card", "data-experiment": experiment.name }, make("h3", { text: experiment.title }),
    make("p", { text: experiment.look_for }), make("p", { class: "buttons" }, start));
}

async function begin(experiment, button) {
  button.disabled = true;
  try {
    const { healthy, broken } = await post(`experiments/${experiment.name}`);
    tell(null);
    await stage(experiment, healthy, broken);
    byId("break-stage").scrollIntoView({ block: "start" });
  } catch (problem) {
    tell(problem.message);
  }
  button.disabled = false;
}

async function stage(experiment, healthy, broken) {
  leave();
  for (let wait = 0; wait < 600; wait += 1) { // until both have a folder
    const { runs, pending } = await get("runs");
    const problem = pending.find(({ name, problem: words }) => [healthy, broken].includes(name) && words)?.problem;
    if (problem) throw new Error(problem);
    if ([healthy, broken].every((name) => runs.some((run) => run.name === name))) break;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  stages = [new Stage(healthy, "Healthy"), new Stage(broken, experiment.title)];
  const told = make("div", { class: "panel" }, make("h3", { text: experiment.title }),
    make("p", {}, make("strong", { text: "Look for: " }), experiment.look_for), make("p", {}, make("strong", { text: "What happens: " }), experiment.happens),
    make("p", {}, make("strong", { text: "Why: " }), experiment.why), make("p", { class: "aside", text: `Changed: ${experiment.settings.join(", ")}` }));
  byId("break-stage").replaceChildren(told, make("div", { class: "grid" }, ...stages.map(({ element }) => element)));
  byId("break-stage").hidden = false;
  for (const each of stages) each.draw();
  remember("break", { experiment: experiment.name, healthy, broken });
}

export async function enter(values) {
  if (!experiments.length) {
    experiments = await get("experiments");
    byId("break-list").replaceChildren(...experiments.map(card));
  }
  const experiment = experiments.find(({ name }) => name === values.experiment);
  if (experiment && values.healthy && values.broken) await stage(experiment, values.healthy, values.broken);
}

export function leave() {
  for (const each of stages) each.close();
  stages = [];
}
