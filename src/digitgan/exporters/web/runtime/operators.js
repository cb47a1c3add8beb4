// The operators of ONNX that generators and classifiers consist of. https://onnx.ai/onnx/operators/
//
// forward(inputs, attributes, kit) returns the outputs. backward(gradients, inputs, outputs, attributes, kit, needs) returns the
// gradient with respect to each input, given those with respect to the outputs (null: no influence). needs: the inputs whose
// gradient is wanted. An operator without `backward` has no gradient. kit: { matmul }.
//
// The exporter reads the names of the operators from the lines of this file that begin with "operators.".

import { chosen, combined, mapped, rectified, rectifiedBackward, times } from "./elementwise.js";
import { lstm, lstmBackward } from "./lstm.js";
import { convolution, geometryOf, matrixProduct, matrixProductBackward, transposedConvolution, withBias } from "./products.js";
import { resized, resizedBackward } from "./resize.js";
import { broadcastShape, broadcastStrides, forRows, gather, scatter, sizeOf, stridesOf, summedTo, Tensor } from "./tensor.js";

export const operators = {};

const constant = () => []; // the gradient of an operator whose output changes in steps, or not at all

// Arithmetic

const scalar = (value) => new Tensor(Float32Array.of(value), []);
const negative = (tensor) => times(tensor, scalar(-1));

operators.Add = {
  forward: ([a, b]) => [combined("add", a, b)],
  backward: ([g], [a, b]) => [summedTo(g, a.shape), summedTo(g, b.shape)],
};
operators.Sub = {
  forward: ([a, b]) => [combined("subtract", a, b)],
  backward: ([g], [a, b]) => [summedTo(g, a.shape), summedTo(negative(g), b.shape)],
};
operators.Mul = {
  forward: ([a, b]) => [times(a, b)],
  backward: ([g], [a, b], _, __, ___, needs) => [needs[0] && summedTo(times(g, b), a.shape), needs[1] && summedTo(times(g, a), b.shape)],
};
operators.Div = {
  forward: ([a, b]) => [combined("divide", a, b)],
  backward: ([g], [a, b], [y], _, __, needs) => {
    const first = combined("divide", g, b);
    return [needs[0] && summedTo(first, a.shape), needs[1] && summedTo(negative(times(first, y)), b.shape)];
  },
};
operators.Pow = {
  forward: ([a, b]) => [combined("power", a, b)],
  backward: ([g], [a, b], _, __, ___, needs) => {
    if (needs[1]) throw new Error("Pow: the gradient of the exponent is not supported");
    return [summedTo(times(g, times(b, combined("power", a, combined("subtract", b, scalar(1))))), a.shape), null];
  },
};
operators.Less = { forward: ([a, b]) => [combined("less", a, b)], backward: constant };
operators.Greater = { forward: ([a, b]) => [combined("greater", a, b)], backward: constant };
operators.Where = {
  forward: ([condition, yes, no]) => [chosen(condition, yes, no)],
  backward: ([g], [condition, yes, no]) => [null, summedTo(chosen(condition, g, scalar(0)), yes.shape), summedTo(chosen(condition, scalar(0), g), no.shape)],
};

// Functions of one number: the function, and its derivative from its argument and its value

function unary(apply, derivative) {
  return {
    forward: ([x]) => [mapped(x, apply)],
    backward: ([g], [x], [y]) => {
      const result = new Float32Array(g.data.length);
      for (let n = 0; n < result.length; n += 1) result[n] = g.data[n] * derivative(x.data[n], y.data[n]);
      return [new Tensor(result, x.shape)];
    },
  };
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

operators.Tanh = unary(Math.tanh, (x, y) => 1 - y * y);
operators.Sigmoid = unary(sigmoid, (x, y) => y * (1 - y));
operators.Softplus = unary((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), (x) => sigmoid(x));
operators.Exp = unary(Math.exp, (x, y) => y);
operators.Log = unary(Math.log, (x) => 1 / x);
operators.Sqrt = unary(Math.sqrt, (x, y) => 0.5 / y);
operators.Reciprocal = unary((x) => 1 / x, (x, y) => -y * y);
operators.Neg = unary((x) => -x, () => -1);
operators.Abs = unary(Math.abs, (x) => Math.sign(x));
operators.Relu = {
  forward: ([x]) => [rectified(x, 0)],
  backward: ([g], [x]) => [rectifiedBackward(g, x, 0)],
};
operators.LeakyRelu = {
  forward: ([x], { alpha = 0.01 }) => [rectified(x, alpha)],
  backward: ([g], [x], _, { alpha = 0.01 }) => [rectifiedBackward(g, x, alpha)],
};
operators.Clip = {
  forward: ([x, low, high]) => {
    const least = low ? low.data[0] : -Infinity, most = high ? high.data[0] : Infinity;
    return [mapped(x, (value) => Math.min(most, Math.max(least, value)))];
  },
  backward: ([g], [x], [y]) => [times(g, mapped(combined("subtract", x, y), (change) => (change === 0 ? 1 : 0)))],
};
operators.Identity = { forward: ([x]) => [x], backward: ([g]) => [g] };
operators.Cast = { // of numbers to numbers: all floating-point types are float32 here
  forward: ([x], { to }) => {
    const whole = to === 6 || to === 7, logical = to === 9;
    const values = logical ? Float64Array.from(x.data, (each) => (each ? 1 : 0)) : whole ? Float64Array.from(x.data, Math.trunc) : Float32Array.from(x.data);
    return [new Tensor(values, x.shape)];
  },
  backward: ([g]) => [g],
};

// Reductions

function reducedAxes([x, given], { axes, noop_with_empty_axes: keepAll }) {
  const wanted = axes ?? given?.integers ?? [];
  if (!wanted.length) return keepAll ? [] : x.shape.map((_, axis) => axis);
  return wanted.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
}

function kept(inputs, attributes) { // the shape with each reduced side 1
  const reduced = reducedAxes(inputs, attributes);
  return inputs[0].shape.map((side, axis) => (reduced.includes(axis) ? 1 : side));
}

const summed = (x, shape) => scatter(x, shape, broadcastStrides(shape, x.shape));

// total: sums over the axes, from x and the kept shape. slope: the derivative with respect to x, of x, the result, and the count.
function reduction(total, slope) {
  return {
    forward: (inputs, attributes) => {
      const result = total(inputs[0], kept(inputs, attributes));
      if ((attributes.keepdims ?? 1) === 1) return [result];
      const reduced = reducedAxes(inputs, attributes);
      return [result.reshaped(inputs[0].shape.filter((_, axis) => !reduced.includes(axis)))];
    },
    backward: slope && (([g], inputs, [y], attributes) => {
      const shape = kept(inputs, attributes), [x] = inputs;
      const spread = gather(g.reshaped(shape), x.shape, broadcastStrides(shape, x.shape));
      return [slope(spread, x, y.reshaped(shape), sizeOf(x.shape) / sizeOf(shape)), null];
    }),
  };
}

operators.ReduceSum = reduction(summed, (g) => g);
operators.ReduceMean = reduction(
  (x, shape) => times(summed(x, shape), scalar(sizeOf(shape) / sizeOf(x.shape))),
  (g, x, y, count) => times(g, scalar(1 / count)),
);
operators.ReduceL2 = reduction(
  (x, shape) => mapped(summed(times(x, x), shape), Math.sqrt),
  (g, x, y) => times(g, combined("divide", x, mapped(y, (norm) => norm || 1))), // 0 at 0, as in PyTorch
);
operators.ReduceMax = reduction((x, shape) => {
  const result = new Tensor(new Float32Array(sizeOf(shape)).fill(-Infinity), shape);
  forRows(x.shape, broadcastStrides(shape, x.shape), null, (at, length, to, step) => {
    for (let n = 0; n < length; n += 1, to += step) result.data[to] = Math.max(result.data[to], x.data[at + n]);
  });
  return result;
});
operators.Softmax = {
  forward: ([x], { axis = -1 }) => {
    const attributes = { axes: [axis] };
    const [most] = operators.ReduceMax.forward([x], attributes);
    const powers = mapped(combined("subtract", x, most), Math.exp);
    return [combined("divide", powers, summed(powers, kept([x], attributes)))];
  },
  backward: ([g], [x], [y], { axis = -1 }) => {
    const weighted = times(g, y);
    return [combined("subtract", weighted, times(y, summed(weighted, kept([x], { axes: [axis] }))))];
  },
};

// Operators that move numbers: each is a view of its input, and its adjoint is the view's

function reshape(shapeOf) {
  return {
    forward: (inputs, attributes) => [inputs[0].reshaped(shapeOf(inputs, attributes))],
    backward: ([g], [x]) => [g.reshaped(x.shape), null],
  };
}

operators.Reshape = reshape(([x, to], { allowzero = 0 }) => {
  const shape = to.integers.map((side, axis) => (side === 0 && !allowzero ? x.shape[axis] : side));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = sizeOf(x.shape) / sizeOf(shape.filter((_, axis) => axis !== free));
  return shape;
});
operators.Flatten = reshape(([x], { axis = 1 }) => [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
operators.Unsqueeze = reshape(([x, axes]) => {
  const shape = [...x.shape], rank = x.shape.length + axes.data.length;
  for (const axis of axes.integers.map((each) => (each < 0 ? each + rank : each)).sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return shape;
});
operators.Squeeze = reshape(([x, axes]) => {
  const removed = axes?.integers.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  return x.shape.filter((side, axis) => (removed ? !removed.includes(axis) : side !== 1));
});
operators.Shape = {
  forward: ([x], { start = 0, end }) => {
    const part = x.shape.slice(start, end);
    return [new Tensor(Float64Array.from(part), [part.length])];
  },
  backward: constant,
};

// viewOf(inputs, attributes): { shape, strides, start } of the view.
function view(viewOf) {
  return {
    forward: (inputs, attributes) => {
      const { shape, strides, start } = viewOf(inputs, attributes);
      return [gather(inputs[0], shape, strides, start)];
    },
    backward: ([g], inputs, _, attributes) => {
      const { strides, start } = viewOf(inputs, attributes);
      return [scatter(g, inputs[0].shape, strides, start), ...inputs.slice(1).map(() => null)];
    },
  };
}

operators.Transpose = view(([x], { perm = x.shape.map((_, axis) => x.shape.length - 1 - axis) }) => {
  const strides = stridesOf(x.shape);
  return { shape: perm.map((axis) => x.shape[axis]), strides: perm.map((axis) => strides[axis]) };
});
operators.Expand = view(([x, to]) => {
  const shape = broadcastShape(x.shape, to.integers);
  return { shape, strides: broadcastStrides(x.shape, shape) };
});
operators.Slice = view(([x, starts, ends, axes, steps]) => {
  const shape = [...x.shape], strides = stridesOf(x.shape);
  let start = 0;
  starts.integers.forEach((begin, n) => {
    const given = axes ? axes.data[n] : n, axis = given < 0 ? given + shape.length : given;
    const side = x.shape[axis], step = steps ? steps.data[n] : 1, own = stridesOf(x.shape)[axis];
    const [least, most] = step > 0 ? [0, side] : [-1, side - 1];
    const place = (value) => Math.min(most, Math.max(least, value < 0 ? value + side : value));
    const first = Math.min(place(begin), side - (step > 0 ? 0 : 1)), last = ends.data[n] < -side ? least : place(ends.data[n]);
    shape[axis] = Math.max(0, Math.ceil((last - first) / step));
    start += first * own;
    strides[axis] = step * own;
  });
  return { shape, strides, start };
});
operators.Concat = {
  forward: (inputs, { axis }) => {
    const at = axis < 0 ? axis + inputs[0].shape.length : axis;
    const shape = inputs[0].shape.map((side, n) => (n === at ? inputs.reduce((sum, each) => sum + each.shape[n], 0) : side));
    const result = new Tensor(new inputs[0].data.constructor(sizeOf(shape)), shape);
    const outer = sizeOf(shape.slice(0, at)), stride = sizeOf(shape.slice(at));
    let offset = 0;
    for (const { data, shape: own } of inputs) {
      const length = sizeOf(own.slice(at));
      for (let n = 0; n < outer; n += 1) result.data.set(data.subarray(n * length, (n + 1) * length), n * stride + offset);
      offset += length;
    }
    return [result];
  },
  backward: ([g], inputs, _, { axis }) => {
    const at = axis < 0 ? axis + g.shape.length : axis, strides = stridesOf(g.shape);
    let start = 0;
    return inputs.map(({ shape }) => {
      const part = gather(g, shape, strides, start);
      start += shape[at] * strides[at];
      return part;
    });
  },
};
operators.Split = {
  forward: ([x, sizes], { axis = 0, num_outputs: count }) => {
    const at = axis < 0 ? axis + x.shape.length : axis, side = x.shape[at], strides = stridesOf(x.shape);
    const most = Math.ceil(side / count);
    const wanted = sizes?.integers ?? Array.from({ length: count }, (_, n) => Math.min(most, side - n * most));
    let start = 0;
    return wanted.map((size) => {
      const part = gather(x, x.shape.map((each, n) => (n === at ? size : each)), strides, start);
      start += size * strides[at];
      return part;
    });
  },
  backward: (gradients, inputs, outputs, { axis = 0 }) => {
    const filled = gradients.map((each, n) => each ?? Tensor.zeros(outputs[n].shape));
    return [...operators.Concat.forward(filled, { axis }), null];
  },
};
operators.Gather = {
  forward: ([x, indices], { axis = 0 }) => {
    const at = axis < 0 ? axis + x.shape.length : axis, outer = sizeOf(x.shape.slice(0, at)), inner = sizeOf(x.shape.slice(at + 1)), side = x.shape[at];
    const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
    const result = new Tensor(new x.data.constructor(sizeOf(shape)), shape);
    let to = 0;
    for (let n = 0; n < outer; n += 1) {
      for (const index of indices.data) {
        const from = (n * side + (index < 0 ? index + side : index)) * inner;
        result.data.set(x.data.subarray(from, from + inner), to);
        to += inner;
      }
    }
    return [result];
  },
  backward: ([g], [x, indices], _, { axis = 0 }) => {
    const at = axis < 0 ? axis + x.shape.length : axis, outer = sizeOf(x.shape.slice(0, at)), inner = sizeOf(x.shape.slice(at + 1)), side = x.shape[at];
    const result = Tensor.zeros(x.shape);
    let from = 0;
    for (let n = 0; n < outer; n += 1) {
      for (const index of indices.data) {
        const to = (n * side + (index < 0 ? index + side : index)) * inner;
        for (let i = 0; i < inner; i += 1) result.data[to + i] += g.data[from++];
      }
    }
    return [result, null];
  },
};
operators.DepthToSpace = {
  forward: ([x], attributes) => {
    const { sides, strides, shape } = blocks(x.shape, attributes);
    return [gather(x, sides, strides).reshaped(shape)];
  },
  backward: ([g], [x], _, attributes) => {
    const { sides, strides } = blocks(x.shape, attributes);
    return [scatter(g.reshaped(sides), x.shape, strides)];
  },
};

function blocks([count, channels, height, width], { blocksize: size, mode = "DCR" }) {
  const depth = channels / size ** 2, area = height * width; // a channel is (block row, block column, depth), or depth first: CRD
  const [row, column, plane] = mode === "CRD" ? [size * area, area, size * size * area] : [size * depth * area, depth * area, area];
  return {
    sides: [count, depth, height, size, width, size],
    strides: [channels * area, plane, width, row, 1, column],
    shape: [count, depth, height * size, width * size],
  };
}

// Layers

operators.Gemm = {
  forward: ([a, b, c], { alpha = 1, beta = 1, transA = 0, transB = 0 }, kit) => {
    const product = matrixProduct(kit, a, b, { transposeA: Boolean(transA), transposeB: Boolean(transB) });
    const scaled = alpha === 1 ? product : times(product, scalar(alpha));
    return [c ? combined("add", scaled, beta === 1 ? c : times(c, scalar(beta))) : scaled];
  },
  backward: ([g], [a, b], _, { alpha = 1, transA = 0, transB = 0 }, kit, needs) => {
    if (transA || needs[1] || needs[2]) throw new Error("Gemm: only the gradient of its first input is supported");
    const gradient = matrixProduct(kit, g, b, { transposeB: !transB });
    return [alpha === 1 ? gradient : times(gradient, scalar(alpha)), null, null];
  },
};
operators.MatMul = {
  forward: ([a, b], _, kit) => [matrixProduct(kit, a, b)],
  backward: ([g], [a, b], _, __, kit, needs) => matrixProductBackward(kit, g, a, b, needs),
};
operators.Conv = {
  forward: ([x, kernels, bias], attributes, kit) => {
    const geometry = geometryOf(attributes, kernels.shape);
    const { top, left, bottom, right, down, across, apartY, apartX, height, width } = geometry;
    const sides = [
      Math.floor((x.shape[2] + top + bottom - apartY * (height - 1) - 1) / down) + 1,
      Math.floor((x.shape[3] + left + right - apartX * (width - 1) - 1) / across) + 1,
    ];
    return [withBias(convolution(kit, x, kernels, geometry, sides), bias)];
  },
  backward: ([g], [x, kernels], _, attributes, kit, needs) => {
    if (needs[1] || needs[2]) throw new Error("Conv: only the gradient of its images is supported");
    return [transposedConvolution(kit, g, kernels, geometryOf(attributes, kernels.shape), x.shape.slice(2)), null, null];
  },
};
operators.ConvTranspose = {
  forward: ([x, kernels, bias], attributes, kit) => {
    const geometry = geometryOf(attributes, kernels.shape);
    if (attributes.output_shape) throw new Error("ConvTranspose: output_shape is not supported");
    const [moreY, moreX] = attributes.output_padding ?? [0, 0];
    const { top, left, bottom, right, down, across, apartY, apartX, height, width } = geometry;
    const sides = [
      (x.shape[2] - 1) * down + apartY * (height - 1) + 1 + moreY - top - bottom,
      (x.shape[3] - 1) * across + apartX * (width - 1) + 1 + moreX - left - right,
    ];
    return [withBias(transposedConvolution(kit, x, kernels, geometry, sides), bias)];
  },
  backward: ([g], [x, kernels], _, attributes, kit, needs) => {
    if (needs[1] || needs[2]) throw new Error("ConvTranspose: only the gradient of its images is supported");
    return [convolution(kit, g, kernels, geometryOf(attributes, kernels.shape), x.shape.slice(2)), null, null];
  },
};
operators.BatchNormalization = { // of inference
  forward: ([x, scale, bias, mean, variance], { epsilon = 1e-5 }) => {
    const factor = normFactor(scale, variance, epsilon, x.shape.length);
    const shift = combined("subtract", bias, times(mean, factor.reshaped(mean.shape)));
    return [combined("add", times(x, factor), shift.reshaped(factor.shape))];
  },
  backward: ([g], [x, scale, , , variance], _, { epsilon = 1e-5 }) => [times(g, normFactor(scale, variance, epsilon, x.shape.length)), null, null, null, null],
};

function normFactor(scale, variance, epsilon, rank) {
  const data = Float32Array.from(scale.data, (value, n) => value / Math.sqrt(variance.data[n] + epsilon));
  return new Tensor(data, [data.length, ...new Array(rank - 2).fill(1)]);
}

operators.MaxPool = {
  forward: ([x], { kernel_shape: kernel, strides = [1, 1], pads = [0, 0, 0, 0], ceil_mode: ceil = 0 }) => {
    const round = ceil ? Math.ceil : Math.floor, [count, channels, rows, columns] = x.shape;
    const side = (length, n) => {
      const outputs = round((length + pads[n] + pads[n + 2] - kernel[n]) / strides[n]) + 1;
      return (outputs - 1) * strides[n] >= length + pads[n] ? outputs - 1 : outputs; // a window must begin within the image
    };
    const [height, width] = [side(rows, 0), side(columns, 1)];
    const result = Tensor.zeros([count, channels, height, width]);
    for (let plane = 0, at = 0; plane < count * channels; plane += 1) {
      for (let y = 0; y < height; y += 1) {
        for (let x_ = 0; x_ < width; x_ += 1, at += 1) {
          let most = -Infinity;
          const top = y * strides[0] - pads[0], left = x_ * strides[1] - pads[1];
          for (let i = Math.max(0, top); i < Math.min(rows, top + kernel[0]); i += 1) {
            for (let j = Math.max(0, left); j < Math.min(columns, left + kernel[1]); j += 1) {
              const value = x.data[(plane * rows + i) * columns + j];
              if (value > most) most = value;
            }
          }
          result.data[at] = most;
        }
      }
    }
    return [result];
  },
};

const overSides = (x) => ({ axes: x.shape.map((_, axis) => axis).slice(2) });

operators.GlobalMaxPool = { forward: ([x]) => operators.ReduceMax.forward([x], overSides(x)) };
operators.GlobalAveragePool = {
  forward: ([x]) => operators.ReduceMean.forward([x], overSides(x)),
  backward: (gradients, [x], outputs) => operators.ReduceMean.backward(gradients, [x], outputs, overSides(x)),
};
operators.Resize = { forward: resized, backward: resizedBackward };
operators.LSTM = { forward: lstm, backward: lstmBackward };

