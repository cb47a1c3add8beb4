// The operator Resize: enlarges or reduces images by nearest or linear interpolation, one axis after the other.

import { sizeOf, Tensor } from "./tensor.js";

const SOURCES = { // the coordinate in the input of output n, of an axis of `from` numbers that becomes `to`
  half_pixel: (n, from, to) => ((n + 0.5) * from) / to - 0.5,
  pytorch_half_pixel: (n, from, to) => (to > 1 ? ((n + 0.5) * from) / to - 0.5 : 0),
  asymmetric: (n, from, to) => (n * from) / to,
  align_corners: (n, from, to) => (to > 1 ? (n * (from - 1)) / (to - 1) : 0),
};
const ROUNDINGS = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

// Returns for each output [[index of an input, its weight], …].
function taps(from, to, { mode = "nearest", coordinate_transformation_mode: coordinates = "half_pixel", nearest_mode: nearest = "round_prefer_floor" }) {
  const source = SOURCES[coordinates], within = (index) => Math.min(from - 1, Math.max(0, index));
  if (!source || !["nearest", "linear"].includes(mode)) throw new Error(`Resize: ${mode} with ${coordinates} is not supported`);
  return Array.from({ length: to }, (_, n) => {
    const x = source(n, from, to);
    if (mode === "nearest") return [[within(ROUNDINGS[nearest](x)), 1]];
    const low = Math.floor(x), share = x - low;
    return share === 0 ? [[within(low), 1]] : [[within(low), 1 - share], [within(low + 1), share]];
  });
}

function targetOf([x, , scales, sizes]) {
  if (sizes?.data.length) return sizes.integers;
  return x.shape.map((side, axis) => Math.floor(side * scales.data[axis]));
}

export function resized(inputs, attributes) {
  let [result] = inputs;
  targetOf(inputs).forEach((to, axis) => {
    const from = result.shape[axis];
    if (from !== to) result = along(result, axis, to, taps(from, to, attributes), false);
  });
  return [result];
}

export function resizedBackward([gradient], inputs, _, attributes) {
  const [x] = inputs, target = targetOf(inputs);
  let result = gradient;
  for (let axis = target.length - 1; axis >= 0; axis -= 1) {
    const from = x.shape[axis], to = target[axis];
    if (from !== to) result = along(result, axis, from, taps(from, to, attributes), true);
  }
  return [result, ...inputs.slice(1).map(() => null)];
}

function along(tensor, axis, side, weights, adjoint) {
  const shape = tensor.shape.map((each, n) => (n === axis ? side : each)), result = Tensor.zeros(shape);
  const outer = sizeOf(shape.slice(0, axis)), inner = sizeOf(shape.slice(axis + 1)), before = tensor.shape[axis];
  for (let n = 0; n < outer; n += 1) {
    weights.forEach((inputs, output) => {
      for (const [input, weight] of inputs) {
        let from = (n * before + (adjoint ? output : input)) * inner, to = (n * side + (adjoint ? input : output)) * inner;
        for (const end = to + inner; to < end; to += 1, from += 1) result.data[to] += weight * tensor.data[from];
      }
    });
  }
  return result;
}
