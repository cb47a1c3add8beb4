// Tensors in row-major order, and the views of them by which most operators that move numbers are written.

export const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

export class Tensor {
  // data: Float32Array, or Float64Array for integers.
  constructor(data, shape) {
    if (data.length !== sizeOf(shape)) throw new Error(`${data.length} numbers do not fill the shape ${shape.join(" × ")}`);
    this.data = data;
    this.shape = shape;
  }

  static zeros(shape) {
    return new Tensor(new Float32Array(sizeOf(shape)), shape);
  }

  get integers() { // its values, such as a shape
    return [...this.data];
  }

  reshaped(shape) {
    return new Tensor(this.data, shape);
  }
}

// Returns the distance in the data between neighbours along each axis.
export function stridesOf(shape) {
  const strides = new Array(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

// Returns the strides by which a tensor is read as if it had a larger shape, into which it is broadcast.
export function broadcastStrides(from, to) {
  const own = stridesOf(from), missing = to.length - from.length;
  return to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : own[axis - missing]));
}

export function broadcastShape(one, other) {
  const length = Math.max(one.length, other.length);
  return Array.from({ length }, (_, axis) => {
    const a = one[axis - length + one.length] ?? 1, b = other[axis - length + other.length] ?? 1;
    if (a !== b && a !== 1 && b !== 1) throw new Error(`the shapes ${one.join(" × ")} and ${other.join(" × ")} do not match`);
    return a === 1 ? b : a;
  });
}

// Merges neighbouring axes that all of the strides step through evenly, so that the innermost loops are long.
function merged(shape, strides) {
  const sides = [], steps = strides.map(() => []);
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    if (shape[axis] === 1) continue;
    if (sides.length && strides.every((each, n) => each[axis] === steps[n][0] * sides[0])) sides[0] *= shape[axis];
    else {
      sides.unshift(shape[axis]);
      strides.forEach((each, n) => steps[n].unshift(each[axis]));
    }
  }
  if (!sides.length) {
    sides.push(1);
    steps.forEach((each) => each.push(0));
  }
  return { sides, steps };
}

// Calls run(position in the result, length, a's start, a's step, b's start, b's step) for each innermost row of a shape.
export function forRows(shape, stridesA, stridesB, run, startA = 0) {
  if (sizeOf(shape) === 0) return;
  const { sides, steps: [a, b] } = merged(shape, [stridesA, stridesB ?? stridesA]);
  const inner = sides.length - 1, length = sides[inner];
  const index = new Array(inner).fill(0);
  for (let at = 0, fromA = startA, fromB = 0; ; at += length) {
    run(at, length, fromA, a[inner], fromB, b[inner]);
    let axis = inner - 1;
    for (; axis >= 0; axis -= 1) {
      fromA += a[axis];
      fromB += b[axis];
      index[axis] += 1;
      if (index[axis] < sides[axis]) break;
      fromA -= sides[axis] * a[axis];
      fromB -= sides[axis] * b[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

// Reads a tensor through a view: result[i, j, …] = data[start + i · strides[0] + j · strides[1] + …].
export function gather({ data }, shape, strides, start = 0) {
  const result = new data.constructor(sizeOf(shape));
  forRows(shape, strides, null, (at, length, from, step) => {
    for (let n = 0; n < length; n += 1, from += step) result[at + n] = data[from];
  }, start);
  return new Tensor(result, shape);
}

// The adjoint of `gather`: adds each number to the place that `gather` reads it from.
export function scatter({ data, shape }, target, strides, start = 0) {
  const result = Tensor.zeros(target), sums = result.data;
  forRows(shape, strides, null, (at, length, to, step) => {
    for (let n = 0; n < length; n += 1, to += step) sums[to] += data[at + n];
  }, start);
  return result;
}

// Sums a tensor over the axes along which a smaller shape was broadcast.
export function summedTo(tensor, shape) {
  if (tensor.shape.length === shape.length && tensor.shape.every((side, axis) => side === shape[axis])) return tensor;
  return scatter(tensor, shape, broadcastStrides(shape, tensor.shape));
}
