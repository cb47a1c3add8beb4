// Computes the answers to the requests of the page, see api.js.

import { placed } from "./placed_drawing.js";
import { invert } from "./inversion.js";
import { coordinates, moved, movedBy, normals } from "./latents.js";
import { Graph } from "./runtime/graph.js";
import { Matmul } from "./runtime/matmul.js";
import { Tensor } from "./runtime/tensor.js";

const REACH = 6; // standard deviations: the farthest coordinate, as that of the studio
const STYLES = 1_000_003; // distance between the seeds of a style's characters and those of the styles

const bytes = async (name) => {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
};

async function load() {
  const [text, source, network] = await Promise.all(["model.json", "runtime/matmul.wasm", "generator.onnx"].map(bytes));
  const model = JSON.parse(new TextDecoder().decode(text));
  const matmul = await Matmul.load(source).catch(() => {
    throw new Error("this browser does not support WebAssembly with SIMD; use a browser of 2023 or later");
  });
  return {
    model,
    generator: new Graph(network, matmul),
    classifier: model.classifier ? new Graph(await bytes("classifier.onnx"), matmul) : null,
  };
}

const loaded = load();
loaded.catch(() => {}); // each request reports it

const oneHot = (count, label) => Array.from({ length: count }, (_, n) => (n === label ? 1 : 0));

// Returns images in levels (count × channels × height × width), rounded half to even as in Python.
function drawn({ model, generator }, codes, shares) {
  const given = { z: new Tensor(Float32Array.from(codes.flat()), [codes.length, codes[0].length]) };
  given.shares = new Tensor(Float32Array.from(shares.flat()), [codes.length, model.class_names.length]);
  return levels(generator.run(given));
}

function levels({ data, shape: [count, channels, height, width] }) {
  const result = new Uint8Array(count * height * width * channels), area = height * width;
  for (let image = 0; image < count; image += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let pixel = 0; pixel < area; pixel += 1) {
        result[(image * area + pixel) * channels + channel] = rounded((data[(image * channels + channel) * area + pixel] + 1) * 127.5);
      }
    }
  }
  return { count, height, width, channels, data: result };
}

function rounded(value) {
  const down = Math.floor(value), rest = value - down;
  const nearest = rest === 0.5 ? down + (down % 2) : Math.round(value);
  return Math.min(255, Math.max(0, nearest));
}

const part = ({ height, width, channels, data }, at, count = 1) => {
  const size = height * width * channels;
  return { count, height, width, channels, data: data.subarray(at * size, (at + count) * size) };
};

// Latents

function labelOf({ class_names: names }, name) {
  const label = names.indexOf(String(name));
  if (label < 0) throw new Error(`${name}: the model has no such class`);
  return label;
}

function sharesOf(model, { first, second, share = 0 }) {
  const shares = oneHot(model.class_names.length, labelOf(model, first ?? model.class_names[0]));
  if (!second) return shares;
  const other = oneHot(shares.length, labelOf(model, second));
  return shares.map((value, n) => (1 - share) * value + share * other[n]);
}

function codeOf(model, { seed = 0, code }) {
  if (!code) return [...normals(Number(seed), model.latent), ...model.further];
  const text = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
  const found = [...new Float32Array(Uint8Array.from(text, (character) => character.charCodeAt(0)).buffer)];
  if (found.length !== model.latent + model.further.length || !found.every(Number.isFinite)) throw new Error("the address holds a latent of another model");
  return found;
}

function placeOf(model, values) {
  const number = (text) => (text === undefined || text === "" ? null : Number(text));
  const wanted = [number(values.x), number(values.y), ...(values.further ? values.further.split(",").map(number) : [])];
  return moved(codeOf(model, values), wanted, model.directions);
}

// Pictures

function canvasOf(images, columns, gap = 2) { // images side by side
  const { count, height, width, channels, data } = images, rows = Math.ceil(count / columns);
  const canvas = new OffscreenCanvas(columns * width + (columns - 1) * gap, rows * height + (rows - 1) * gap);
  const pen = canvas.getContext("2d");
  if (count > 1 && gap) {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
  }
  for (let image = 0; image < count; image += 1) {
    const pixels = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels.data[4 * pixel + channel] = data[(image * width * height + pixel) * channels + (channels === 3 ? channel : 0)];
      }
      pixels.data[4 * pixel + 3] = 255;
    }
    pen.putImageData(pixels, (image % columns) * (width + gap), Math.floor(image / columns) * (height + gap));
  }
  return canvas;
}

function blobOf(canvas, scale = 1) {
  const larger = new OffscreenCanvas(canvas.width * scale, canvas.height * scale), pen = larger.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, larger.width, larger.height);
  return larger.convertToBlob({ type: "image/png" });
}

function strokes(pen, lines, left, { width, height }, thickness) { // punctuation, drawn without the model
  pen.fillStyle = "#000";
  pen.fillRect(left, 0, width, height);
  Object.assign(pen, { strokeStyle: "#fff", lineWidth: thickness * width, lineCap: "round" });
  for (const [fromX, fromY, toX, toY] of lines) {
    pen.beginPath();
    pen.moveTo(left + fromX * width, fromY * height);
    pen.lineTo(left + toX * width + 0.01, toY * height);
    pen.stroke();
  }
}

function inverted(canvas) { // dark ink on white
  const pen = canvas.getContext("2d"), pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < pixels.data.length; at += 1) if (at % 4 < 3) pixels.data[at] = 255 - pixels.data[at];
  pen.putImageData(pixels, 0, 0);
}

// Requests by their path. Each takes what `load` returned, and the values of the request.

const ROUTES = {
  model: ({ model }) => model,
};

ROUTES.spot = ({ model }, values) => {
  const code = codeOf(model, values);
  const [x, y, ...further] = coordinates(code, model.directions).slice(0, values.count ?? 2).map((value) => Math.max(-REACH, Math.min(REACH, value)));
  return { x, y, further: further.map((value) => value.toFixed(4)).join(",") };
};

ROUTES.morph = (all, values) => {
  const { model } = all, code = placeOf(model, values), scale = values.scale ?? 1;
  if (!values.every_class) return blobOf(canvasOf(drawn(all, [code], [sharesOf(model, values)]), 1), scale);
  const images = drawn(all, model.class_names.map(() => code), model.class_names.map((_, label) => oneHot(model.class_names.length, label)));
  return blobOf(canvasOf(images, Math.min(images.count, 10)), scale);
};

ROUTES.map = (all, values) => {
  const { model } = all, { left, right, top, bottom, columns, rows } = values;
  const here = placeOf(model, { ...values, x: undefined, y: undefined });
  const between = (from, to, n, count) => (count > 1 ? from + ((to - from) * n) / (count - 1) : from);
  const codes = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) codes.push(moved(here, [between(left, right, column, columns), between(top, bottom, row, rows)], model.directions));
  }
  const shares = sharesOf(model, values);
  return blobOf(canvasOf(drawn(all, codes, codes.map(() => shares)), columns, 0));
};

ROUTES.write = (all, { text, style = 0, seed = 0, x = 0, y = 0, code, scale = 3 }) => {
  const { model } = all, { class_names: names, writing: hand, image_spec: spec } = model;
  const characters = [...text], known = (each) => names.includes(each);
  const unknown = [...new Set(characters)].filter((each) => !known(each) && each !== " " && !(each in hand.marks));
  if (unknown.length) throw new Error(`Unsupported characters: ${unknown.join(" ")}. This model supports ${names.filter((name) => name.length === 1).join("")}.`);
  const kept = Math.sqrt(1 - hand.unsteadiness ** 2);
  const common = code ? codeOf(model, { code }) : normals(Number(style) + Number(seed), model.latent);
  const own = normals(STYLES + Number(style) + Number(seed), model.latent * characters.length);
  const codes = characters.map((_, n) => {
    const stray = (d) => hand.unsteadiness * own[n * model.latent + d];
    if (!code) return movedBy([...common.map((value, d) => kept * value + stray(d)), ...model.further], [kept * x, kept * y], model.directions);
    // The latent of a drawing stays close: a larger deviation would hide its style. A style has no latent that could deviate.
    const near = model.further.length ? common : common.map((value, d) => value + hand.unsteadiness * stray(d));
    return movedBy(near, [Number(x), Number(y)], model.directions);
  });
  const images = drawn(all, codes, characters.map((each) => oneHot(names.length, Math.max(0, names.indexOf(each)))));
  const canvas = canvasOf(images, characters.length, 0);
  characters.forEach((each, n) => {
    if (!known(each)) strokes(canvas.getContext("2d"), hand.marks[each] ?? [], n * spec.width, spec, hand.pen);
  });
  if (spec.channels === 1) inverted(canvas);
  return blobOf(canvas, scale);
};

ROUTES.draw = (all, { width, height, levels: text }) => {
  const started = performance.now(), { model, classifier } = all, names = model.class_names;
  const grey = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { height: rows, width: columns } = model.image_spec;
  const pixels = placed(grey, height, width, model.ink, rows, columns);
  const target = Float32Array.from(pixels, (level) => level / 127.5 - 1);
  const chances = classifier ? [...classifier.run({ images: new Tensor(target, [1, 1, rows, columns]) }).data] : [];
  const likely = chances.length ? chances.indexOf(Math.max(...chances)) : null;
  const { code, label } = invert(all, target, likely);
  const every = drawn(all, names.map(() => code), names.map((_, each) => oneHot(names.length, each)));
  const image = part(every, label);
  const squares = image.data.reduce((sum, level, at) => sum + (level - pixels[at]) ** 2, 0);
  return {
    class_names: names,
    placed: { count: 1, height: rows, width: columns, channels: 1, data: pixels },
    probabilities: chances,
    label,
    redrawn: image,
    error: Math.sqrt(squares / pixels.length),
    every_class: every,
    style: asText(code),
    seconds: (performance.now() - started) / 1000,
  };
};

function asText(code) { // for an address
  const numbers = new Uint8Array(Float32Array.from(code).buffer);
  return btoa(String.fromCharCode(...numbers)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

addEventListener("message", async ({ data: { number, path, values } }) => {
  try {
    const all = await loaded;
    if (!(path in ROUTES)) throw new Error(`${path}: this page has no such request`);
    postMessage({ number, answer: await ROUTES[path](all, values) });
  } catch (problem) {
    postMessage({ number, problem: problem.message });
  }
});
