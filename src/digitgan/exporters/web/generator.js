// Runs the generator with ONNX Runtime Web: latents and class weights to pixels.

import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more threads need headers that plain static servers do not send
ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;

export const model = await (await fetch("model.json")).json();
const network = await (await fetch("generator.onnx")).arrayBuffer();
const session = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] });
let last = Promise.resolve(); // a session runs one call at a time

const width = model.latent + model.further.length;

// Returns a latent as a latent code, with what most generators lack: styles that can be mixed and moved.
export const extended = (z) => [...z, ...model.further];

// Generates images from latent codes z (n × width) and class weights (n × classes).
// Returns bytes (n × channels × height × width), rounded as in Python.
export async function draw(z, shares) {
  const { class_names: names } = model;
  const count = z.length / width;
  const given = { z: new ort.Tensor("float32", Float32Array.from(z), [count, width]) };
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

// Returns standard normal numbers for a seed, equal in every browser (mulberry32 and the Box–Muller transform).
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

// Returns the coordinates of a latent code along the two main directions, in standard deviations.
export const placeOf = (z) => model.directions.map((direction) => along(z, direction));

// Moves a latent code along the two main directions, to the given coordinates or by them.
export function moved(z, [x, y], { by = false } = {}) {
  let there = [...z];
  for (const [wanted, direction] of [[x, model.directions[0]], [y, model.directions[1]]]) {
    const step = by ? wanted : wanted - along(there, direction);
    there = there.map((value, n) => value + step * direction[n]);
  }
  return there;
}
