// The generator, run here by ONNX Runtime Web: latents and shares of the classes to pixels.

import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need headers that plain static servers don't send
ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;

export const model = await (await fetch("model.json")).json();
const network = await (await fetch("generator.onnx")).arrayBuffer();
const session = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] });
let last = Promise.resolve(); // a session draws one thing at a time

// z: numbers (n × latent), shares: numbers (n × classes); gives bytes (n × channels × height × width), rounded as in Python.
export async function draw(z, shares) {
  const { latent, class_names: names } = model;
  const count = z.length / latent;
  const given = { z: new ort.Tensor("float32", Float32Array.from(z), [count, latent]) };
  if (session.inputNames.includes("shares")) given.shares = new ort.Tensor("float32", Float32Array.from(shares), [count, names.length]);
  const turn = last.then(() => session.run(given));
  last = turn.catch(() => {});
  const { images } = await turn;
  return Uint8ClampedArray.from(images.data, (value) => roundHalfToEven((value + 1) * 127.5));
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

// Standard normal numbers that a seed names: the same in every browser (mulberry32, and Box and Muller's way).
export function normals(seed, count) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const found = [];
  while (found.length < count) {
    const length = Math.sqrt(-2 * Math.log(1 - uniform())), turn = 2 * Math.PI * uniform();
    found.push(length * Math.cos(turn), length * Math.sin(turn));
  }
  return found.slice(0, count);
}

const along = (z, direction) => z.reduce((sum, value, n) => sum + value * direction[n], 0);

// Where a latent lies along the two main directions, in standard deviations.
export const placeOf = (z) => model.directions.map((direction) => along(z, direction));

// A latent moved along them: to a place, or by so much.
export function moved(z, [x, y], { by = false } = {}) {
  let there = [...z];
  for (const [wanted, direction] of [[x, model.directions[0]], [y, model.directions[1]]]) {
    const step = by ? wanted : wanted - along(there, direction);
    there = there.map((value, n) => value + step * direction[n]);
  }
  return there;
}
