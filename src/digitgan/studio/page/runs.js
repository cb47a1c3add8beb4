// The Runs section: all runs as cards, one number of them in a chart, and their reports.

import { address, get, post } from "./api.js";
import * as downloads from "./download.js";
import { byId, count, duration, make, options, remember, tell } from "./dom.js";
import { BarChart } from "./plot.js";
import { PHASES } from "./run_panel.js";

const NUMBERS = {
  class_accuracy: ["class accuracy", (value) => `${(100 * value).toFixed(1)} %`],
  frechet_distance: ["Fréchet distance", (value) => value.toPrecision(3)],
  coverage: ["coverage", (value) => `${(100 * value).toFixed(1)} %`],
  seconds: ["time", duration],
  images_seen: ["images seen", count],
};
const chart = new BarChart("Comparison");
byId("runs-chart").append(chart.element);
let runs = [];
let timer = null;

function card(run) {
  const facts = Object.entries(NUMBERS).filter(([key]) => Number.isFinite(run[key]))
    .flatMap(([key, [text, shown]]) => [make("dt", { text }), make("dd", { text: shown(run[key]) })]);
  const path = `runs/${encodeURIComponent(run.name)}`;
  const picture = run.last_preview === null || run.last_preview === undefined ? []
    : [make("img", { class: "pixels", loading: "lazy", alt: `Last preview of ${run.name}`, src: address(`${path}/previews/${run.last_preview}`) })];
  const buttons = [make("a", { class: "button", href: `#lab?run=${encodeURIComponent(run.name)}`, text: "Lab", "aria-label": `${run.name} in the Lab` })];
  if (run.has_model) {
    buttons.push(make("a", { class: "button", href: `#explore?model=${encodeURIComponent(run.name)}`, text: "Explore", "aria-label": `Explore ${run.name}` }));
    const download = make("button", { type: "button", text: "Download", "aria-label": `Download images or the model of ${run.name}` });
    download.addEventListener("click", () => downloads.choose(run.name));
    buttons.push(download);
    const report = make("button", { type: "button", text: run.has_report ? "Report" : "Evaluate", "aria-label": `${run.has_report ? "Report of" : "Evaluate"} ${run.name}` });
    report.addEventListener("click", () => (run.has_report ? showReport(run.name) : evaluate(run.name, report)));
    buttons.push(report);
  }
  return make("article", { class: "panel card", "data-run": run.name }, make("h3", { text: run.name }),
    ...picture, make("p", { class: "aside", text: `${run.recipe ?? "?"} on ${run.data ?? "?"}: ${PHASES[run.phase] ?? run.phase}` }),
    make("dl", {}, ...facts), make("p", { class: "buttons" }, ...buttons));
}

function show() {
  const wanted = byId("runs-filter").value.trim().toLowerCase();
  remember("runs", { filter: wanted, number: byId("runs-number").value });
  const found = runs.filter((run) => [run.name, run.recipe, run.data].some((text) => String(text ?? "").toLowerCase().includes(wanted)));
  byId("runs-none").hidden = runs.length > 0;
  byId("runs-form").querySelectorAll("label").forEach((label) => { label.hidden = runs.length === 0; });
  byId("runs-no-match").hidden = runs.length === 0 || found.length > 0;
  byId("runs-cards").replaceChildren(...found.map(card));
  const key = byId("runs-number").value;
  const measured = found.filter((run) => Number.isFinite(run[key])).slice(0, 24).reverse();
  byId("runs-chart").hidden = measured.length < 2;
  if (measured.length >= 2) chart.show(NUMBERS[key][0], measured.map((run) => [run.name, run[key]]));
}

function showReport(name) {
  const frame = make("iframe", { src: address(`runs/${encodeURIComponent(name)}/report`), title: `Report of ${name}`, sandbox: "" });
  const close = make("button", { type: "button", text: "Close" });
  close.addEventListener("click", () => { byId("runs-report").hidden = true; });
  byId("runs-report").replaceChildren(make("div", { class: "bar" }, make("h3", { text: `Report of ${name}` }), close), frame);
  byId("runs-report").hidden = false;
  close.focus();
}

async function evaluate(name, button) {
  button.disabled = true;
  button.textContent = "Evaluating …";
  try {
    await post(`runs/${encodeURIComponent(name)}/evaluate`);
    tell(null);
    await refresh();
    showReport(name);
  } catch (problem) {
    tell(problem.message);
    button.disabled = false;
    button.textContent = "Evaluate";
  }
}

async function refresh() {
  const before = JSON.stringify(runs);
  ({ runs } = await get("runs"));
  if (JSON.stringify(runs) !== before) show();
}

options(byId("runs-number"), Object.entries(NUMBERS).map(([key, [text]]) => [key, text]), "class_accuracy");
byId("runs-filter").addEventListener("input", show);
byId("runs-number").addEventListener("change", show);
byId("runs-form").addEventListener("submit", (event) => event.preventDefault());

export async function enter({ filter, number }) {
  if (filter !== undefined) byId("runs-filter").value = filter;
  if (number in NUMBERS) byId("runs-number").value = number;
  ({ runs } = await get("runs"));
  show();
  await downloads.enter();
  clearInterval(timer);
  timer = setInterval(() => refresh().catch((problem) => tell(problem.message)), 3000);
}

export function leave() {
  clearInterval(timer);
}
