// The two sections of the exported page. All computation happens in the browser.

import { draw, extended, model, moved, normals, placeOf } from "./generator.js";
import * as pads from "./pad.js";
import { byId, options, read, remember, tell } from "./dom.js";

const { class_names: names, latent, image_spec: spec, writing: hand } = model;
const writing = { text: "2026", style: 0, x: 0, y: 0 };
const exploring = { seed: 0, first: 0, second: "", share: 0, x: 0, y: 0 };

const oneHot = (label) => names.map((_, n) => (n === label ? 1 : 0));

// Runs only the newest of pending requests, since input events arrive faster than the generator runs.
function newest(task) {
  let wanted = false, busy = false;
  return async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      try {
        await task();
        tell(null);
      } catch (problem) {
        tell(problem.message);
      }
    }
    busy = false;
  };
}

// Puts the pixels of one image (channels × height × width) into a canvas at a horizontal offset.
function put(context, pixels, left, ink) {
  const { width, height, channels } = spec;
  const picture = context.createImageData(width, height);
  for (let at = 0; at < width * height; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const value = pixels[(channels === 3 ? channel : 0) * width * height + at];
      picture.data[4 * at + channel] = ink ? 255 - value : value;
    }
    picture.data[4 * at + 3] = 255;
  }
  context.putImageData(picture, left, 0);
}

function stroke(context, strokes, left, ink) {
  const { width, height } = spec;
  context.fillStyle = ink ? "#fff" : "#000";
  context.fillRect(left, 0, width, height);
  context.strokeStyle = ink ? "#000" : "#fff";
  context.lineWidth = hand.pen * width;
  context.lineCap = "round";
  for (const [fromX, fromY, toX, toY] of strokes) {
    context.beginPath();
    context.moveTo(left + fromX * width, fromY * height);
    context.lineTo(left + toX * width + 0.01, toY * height);
    context.stroke();
  }
}

const write = newest(async () => {
  const { text, style, x, y } = writing;
  const known = new Map(names.map((name, label) => [name, label]));
  const unknown = [...new Set(text)].filter((each) => !known.has(each) && each !== " " && !(each in hand.marks));
  if (unknown.length) throw new Error(`Unsupported characters: ${unknown.join(" ")}. This model supports ${names.join("")}.`);
  if (!text.trim()) return;
  const characters = [...text];
  const steady = normals(style, latent);
  const own = normals(1_000_003 + style, latent * characters.length);
  const kept = Math.sqrt(1 - hand.unsteadiness ** 2);
  const z = characters.flatMap((_, n) => {
    const mixed = steady.map((value, d) => kept * value + hand.unsteadiness * own[n * latent + d]);
    return moved(extended(mixed), [kept * x, kept * y], { by: true });
  });
  const bytes = await draw(z, characters.flatMap((each) => oneHot(known.get(each) ?? 0)));
  const canvas = byId("write-picture"), ink = spec.channels === 1, size = spec.channels * spec.width * spec.height;
  canvas.width = spec.width * characters.length;
  canvas.height = spec.height;
  canvas.setAttribute("aria-label", `“${text}” in style ${style}`);
  const context = canvas.getContext("2d");
  characters.forEach((each, n) => {
    if (known.has(each)) put(context, bytes.subarray(n * size, (n + 1) * size), n * spec.width, ink);
    else stroke(context, hand.marks[each] ?? [], n * spec.width, ink);
  });
  canvas.style.width = `${4 * canvas.width}px`;
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const link = byId("write-download");
  if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = `${text.replaceAll(/[^0-9A-Za-z-]+/g, "_")}.png`;
  remember("write", writing);
});

const explore = newest(async () => {
  const { seed, first, second, share, x, y } = exploring;
  const z = moved(extended(normals(seed, latent)), [x, y]);
  const between = second !== "" && Number(second) !== first;
  const shares = oneHot(first).map((value, n) => (between ? (1 - share) * value + share * (n === Number(second) ? 1 : 0) : value));
  const every = model.conditional ? names.map((_, label) => label) : [0];
  const bytes = await draw([...z, ...every.flatMap(() => z)], [...shares, ...every.flatMap(oneHot)]);
  const size = spec.channels * spec.width * spec.height;
  const one = byId("explore-picture"), all = byId("explore-all");
  [one.width, one.height] = [spec.width, spec.height];
  put(one.getContext("2d"), bytes.subarray(0, size), 0, false);
  const what = between ? `between ${names[first]} and ${names[second]}, ${Math.round(100 * share)} %` : names[first];
  one.setAttribute("aria-label", `Generated image: ${what}`);
  [all.width, all.height] = [spec.width * every.length, spec.height];
  every.forEach((_, n) => put(all.getContext("2d"), bytes.subarray((n + 1) * size, (n + 2) * size), n * spec.width, false));
  byId("explore-caption").textContent = what;
  byId("explore-share").disabled = !between;
  pads.show(byId("pad-dot"), byId("pad-where"), exploring);
  remember("explore", { ...exploring, x: x.toFixed(3), y: y.toFixed(3) });
});

function begin() {
  [exploring.x, exploring.y] = placeOf(extended(normals(exploring.seed, latent))).map(pads.within);
  explore();
}

for (const [id, name, take] of [["text", "text", String], ["x", "x", Number], ["y", "y", Number]]) {
  byId(`write-${id}`).addEventListener("input", (event) => { writing[name] = take(event.target.value); write(); });
}
byId("write-new").addEventListener("click", () => { writing.style += 1; write(); });
for (const name of ["first", "second", "share"]) {
  byId(`explore-${name}`).addEventListener(name === "share" ? "input" : "change", (event) => {
    exploring[name] = name === "second" ? event.target.value : Number(event.target.value);
    if (name === "second" && exploring.share === 0) byId("explore-share").value = exploring.share = 0.5;
    explore();
  });
}
byId("explore-new").addEventListener("click", () => { exploring.seed += 1; begin(); });
pads.listen(byId("pad"), exploring, explore);
for (const id of ["write-form", "explore-form"]) byId(id).addEventListener("submit", (event) => event.preventDefault());

function enter() {
  const { room, values } = read("write");
  const writes = room !== "explore" && model.conditional;
  byId("write").hidden = !writes;
  byId("explore").hidden = writes;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === (writes ? "#write" : "#explore")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (writes) {
    if (values.text !== undefined) writing.text = values.text;
    for (const name of ["style", "x", "y"]) if (values[name] !== undefined) writing[name] = Number(values[name]) || 0;
    byId("write-text").value = writing.text;
    byId("write-x").value = writing.x;
    byId("write-y").value = writing.y;
    write();
    return;
  }
  for (const name of ["seed", "share", "x", "y"]) if (values[name] !== undefined) exploring[name] = Number(values[name]) || 0;
  if (values.first in names) exploring.first = Number(values.first);
  if (values.second in names) exploring.second = values.second;
  const offered = names.map((name, label) => [String(label), name]);
  options(byId("explore-first"), offered, String(exploring.first));
  options(byId("explore-second"), [["", "(none)"], ...(model.conditional ? offered : [])], exploring.second);
  byId("explore-share").value = exploring.share;
  if (values.x === undefined) begin();
  else explore();
}

byId("about").textContent = `Model ${model.source}, runs in this browser with ONNX Runtime Web (MIT licence). Exported by digitgan ${model.digitgan}.`;
window.addEventListener("hashchange", enter);
enter();
document.documentElement.dataset.ready = "yes";
