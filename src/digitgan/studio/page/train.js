// The Train section: starts runs and controls them.

import { get, post } from "./api.js";
import { listData, ownOptions } from "./own_data.js";
import { byId, count, duration, make, options, tell } from "./dom.js";

let table = null; // recipes, image sets and settings from the server
let timer = null;

const chosen = () => table.recipes.find(({ name }) => name === byId("train-recipe").value);

function offer() {
  const recipe = chosen();
  byId("train-about").textContent = recipe.description;
  const fields = table.settings.map((setting) => {
    const id = `set-${setting.setting.replace(".", "-")}`;
    const value = recipe.settings[setting.setting];
    const input = setting.choices.length ? make("select", { id }) : make("input", { id, type: "number", min: setting.low, max: setting.high, step: "any", value });
    if (setting.choices.length) options(input, setting.choices.map((name) => [name, name]), value);
    input.setAttribute("aria-describedby", `${id}-text`);
    input.dataset.setting = setting.setting;
    return [make("label", {}, setting.label, input), make("p", { class: "aside", id: `${id}-text`, text: setting.text })];
  });
  byId("train-settings").replaceChildren(...fields.flat());
}

function changes() {
  const recipe = chosen();
  return [...byId("train-settings").querySelectorAll("[data-setting]")]
    .filter((input) => input.value !== String(recipe.settings[input.dataset.setting]))
    .map((input) => `${input.dataset.setting}=${input.value}`);
}

async function start(event) {
  event.preventDefault();
  const button = byId("train-start");
  button.disabled = true;
  try {
    const minutes = Number(byId("train-minutes").value);
    const { name } = await post("runs", {
      recipe: byId("train-recipe").value,
      data: byId("train-data").value,
      minutes,
      seed: Number(byId("train-seed").value),
      name: byId("train-name").value.trim() || null,
      settings: changes(),
      evaluate_every: byId("train-scores").checked ? 10000 : null,
      ...ownOptions(),
    });
    tell(null);
    byId("train-name").value = "";
    await list();
    byId("train-list").querySelector(`[data-run="${CSS.escape(name)}"]`)?.scrollIntoView({ block: "nearest" });
  } catch (problem) {
    tell(problem.message);
  }
  button.disabled = false;
}

const BUTTONS = { // phase -> [action, button text]
  starting: [["stop", "Stop"]],
  training: [["pause", "Pause"], ["stop", "Stop"]],
  paused: [["continue", "Continue"], ["step", "Step"], ["stop", "Stop"]],
  stopped: [["resume", "Resume"]],
  interrupted: [["resume", "Resume"]],
};

function button(name, action, text) {
  const made = make("button", { type: "button", text, "aria-label": `${text} ${name}`, "data-action": action });
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await post(`runs/${encodeURIComponent(name)}/${action}`);
      tell(null);
    } catch (problem) {
      tell(problem.message);
    }
    await list().catch((problem) => tell(problem.message));
    made.disabled = false;
    if (made.isConnected && document.activeElement === document.body) made.focus(); // a disabled button loses the focus
  });
  return made;
}

function item(run) {
  const actions = (BUTTONS[run.phase] ?? []).map(([action, text]) => button(run.name, action, text));
  const watch = make("a", { class: "button", href: `#lab?run=${encodeURIComponent(run.name)}`, text: "Watch in the Lab" });
  const done = make("progress", { max: run.images ?? 1, value: run.images_seen ?? 0, "aria-label": `Progress of ${run.name}` });
  const left = run.seconds_left ? `, ${duration(run.seconds_left)} left` : "";
  return make("li", { "data-run": run.name, "data-phase": run.phase },
    make("strong", { text: run.name }),
    make("p", { class: "aside", text: `${run.recipe} on ${run.data}: ${run.phase}, ${count(run.images_seen)} of ${count(Math.max(run.images, run.images_seen))} images${left}` }),
    done, make("p", { class: "buttons" }, ...actions, watch));
}

function pendingItem({ name, problem }) {
  const words = problem || "Starting: loading the data and measuring the speed …";
  const element = make("li", { "data-run": name, "data-phase": problem ? "refused" : "starting" }, make("strong", { text: name }),
    make("p", { class: problem ? "remark warning" : "aside", text: words }));
  element.append(make("p", { class: "buttons" }, problem ? button(name, "forget", "Dismiss") : button(name, "stop", "Stop")));
  return element;
}

function standingAlready(made) { // A button that is replaced while it is pressed loses the click, so unchanged elements are reused.
  const { run, phase } = made.dataset;
  const there = byId("train-list").querySelector(`[data-run="${CSS.escape(run)}"][data-phase="${phase}"]`);
  const [done, doneNow] = [there, made].map((element) => element?.querySelector("progress"));
  if (!there || !done !== !doneNow) return made;
  const [text, textNow] = [there, made].map((element) => element.querySelector("p"));
  if (text.textContent !== textNow.textContent) text.textContent = textNow.textContent;
  if (done) ({ max: done.max, value: done.value } = doneNow);
  return there;
}

async function list() {
  const { runs, pending } = await get("runs");
  const held = document.activeElement?.closest?.("#train-list [data-run]")?.dataset.run;
  const action = document.activeElement?.dataset?.action;
  const items = [...pending.map(pendingItem), ...runs.slice(0, 12).map(item)].map(standingAlready);
  const before = byId("train-list");
  if (items.length !== before.children.length || items.some((element, place) => element !== before.children[place])) {
    before.replaceChildren(...(items.length ? items : [make("li", { text: "No runs yet." })]));
  }
  if (held && action) { // keep the keyboard focus
    const run = before.querySelector(`[data-run="${CSS.escape(held)}"]`);
    (run?.querySelector(`[data-action="${action}"]`) ?? run?.querySelector("button"))?.focus();
  }
}

let gone = false; // whether the last request for the list failed

async function listAgain() {
  try {
    await list();
    if (gone) tell(null);
    gone = false;
  } catch (problem) {
    gone = true;
    tell(problem.message);
  }
}

byId("train-recipe").addEventListener("change", offer);
byId("train-form").addEventListener("submit", start);

export async function enter() {
  if (!table) {
    table = await get("recipes");
    options(byId("train-recipe"), table.recipes.map(({ name }) => [name, name]), "fast");
    offer();
    await listData(table.data, (name) => {
      byId("train-recipe").value = name;
      offer();
    });
  }
  await list();
  clearInterval(timer);
  timer = setInterval(listAgain, 1000);
}

export function leave() {
  clearInterval(timer);
}
