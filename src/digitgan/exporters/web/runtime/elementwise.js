// Operators on single numbers: arithmetic with broadcasting, comparisons, and activation functions.

import { broadcastShape, broadcastStrides, forRows, sizeOf, Tensor } from "./tensor.js";

// Each loop is written out: a function that is called for each number would take most of the time.
const LOOPS = {
  add(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] + b[j]; },
  subtract(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] - b[j]; },
  multiply(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] * b[j]; },
  divide(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] / b[j]; },
  power(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] ** b[j]; },
  less(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] < b[j] ? 1 : 0; },
  greater(out, at, n, a, i, di, b, j, dj) { for (const end = at + n; at < end; at += 1, i += di, j += dj) out[at] = a[i] > b[j] ? 1 : 0; },
};

// Combines two tensors number by number, with broadcasting. kind: a name of LOOPS.
export function combined(kind, a, b) {
  const shape = broadcastShape(a.shape, b.shape);
  const kept = a.data instanceof Float64Array && b.data instanceof Float64Array ? Float64Array : Float32Array; // integers stay integers
  const result = new Tensor(new kept(sizeOf(shape)), shape), run = LOOPS[kind];
  forRows(shape, broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape), (at, length, i, di, j, dj) => {
    run(result.data, at, length, a.data, i, di, b.data, j, dj);
  });
  return result;
}

export const times = (a, b) => combined("multiply", a, b);

// Returns the tensor whose numbers are those of `yes` where the condition is not 0, and those of `no` elsewhere.
export function chosen(condition, yes, no) {
  const shape = broadcastShape(condition.shape, broadcastShape(yes.shape, no.shape));
  const result = Tensor.zeros(shape);
  forRows(shape, broadcastStrides(condition.shape, shape), broadcastStrides(no.shape, shape), (at, length, i, di, j, dj) => {
    for (let n = 0; n < length; n += 1) result.data[at + n] = condition.data[i + n * di] ? NaN : no.data[j + n * dj];
  });
  forRows(shape, broadcastStrides(condition.shape, shape), broadcastStrides(yes.shape, shape), (at, length, i, di, j, dj) => {
    for (let n = 0; n < length; n += 1) if (condition.data[i + n * di]) result.data[at + n] = yes.data[j + n * dj];
  });
  return result;
}

// Applies a function to each number.
export function mapped(tensor, apply) {
  const { data } = tensor, result = new data.constructor(data.length);
  for (let n = 0; n < data.length; n += 1) result[n] = apply(data[n]);
  return new Tensor(result, tensor.shape);
}

export function rectified(tensor, slope) { // ReLU and leaky ReLU
  const { data } = tensor, result = new Float32Array(data.length);
  for (let n = 0; n < data.length; n += 1) result[n] = data[n] > 0 ? data[n] : slope * data[n];
  return new Tensor(result, tensor.shape);
}

export function rectifiedBackward(gradient, tensor, slope) {
  const { data } = tensor, result = new Float32Array(data.length);
  for (let n = 0; n < data.length; n += 1) result[n] = data[n] > 0 ? gradient.data[n] : slope * gradient.data[n];
  return new Tensor(result, tensor.shape);
}
