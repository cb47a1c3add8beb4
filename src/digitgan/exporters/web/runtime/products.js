// Operators that are products of matrices: dense layers, convolutions, and their adjoints.

import { broadcastShape, broadcastStrides, forRows, sizeOf, summedTo, Tensor } from "./tensor.js";

const MAX_COLUMNS = 4_000_000; // numbers of one unfolded batch; larger batches are taken in parts

// Multiplies rows (n × k) by a matrix (k × m): result[i, j] = Σ rows[i, l] · data[offset + j · row + l · column].
export function dense(kit, rows, n, k, m, matrix) {
  const result = new Float32Array(n * m);
  const { rows: product, wide } = kit.matmul.product(m, n, k, matrix, (b, width) => {
    for (let i = 0; i < n; i += 1) for (let l = 0; l < k; l += 1) b[l * width + i] = rows[i * k + l];
  });
  for (let i = 0; i < n; i += 1) for (let j = 0; j < m; j += 1) result[i * m + j] = product[j * wide + i];
  return result;
}

// Multiplies the matrices in the last two axes, of which one or both may be transposed; the axes before are broadcast.
export function matrixProduct(kit, a, b, { transposeA = false, transposeB = false } = {}) {
  const [rowsA, columnsA] = a.shape.slice(-2), [rowsB, columnsB] = b.shape.slice(-2);
  const m = transposeA ? columnsA : rowsA, k = transposeA ? rowsA : columnsA, n = transposeB ? rowsB : columnsB;
  const leadA = a.shape.slice(0, -2), leadB = b.shape.slice(0, -2);
  if (b.shape.length === 2 && !transposeA) { // a dense layer
    const count = sizeOf(a.shape) / k;
    const matrix = transposeB ? { data: b.data, row: k, column: 1 } : { data: b.data, row: 1, column: n };
    return new Tensor(dense(kit, a.data, count, k, n, matrix), [...a.shape.slice(0, -1), n]);
  }
  const lead = broadcastShape(leadA, leadB), result = Tensor.zeros([...lead, m, n]);
  const of = (tensor, shape) => broadcastStrides(shape, lead).map((stride) => stride * sizeOf(tensor.shape.slice(-2)));
  forRows([...lead, 1], [...of(a, leadA), 0], [...of(b, leadB), 0], (at, length, fromA, stepA, fromB, stepB) => {
    for (let place = 0; place < length; place += 1) {
      const startA = fromA + place * stepA, startB = fromB + place * stepB;
      const matrix = { data: a.data.subarray(startA, startA + m * k), row: transposeA ? 1 : k, column: transposeA ? m : 1 };
      const { rows, wide } = kit.matmul.product(m, n, k, matrix, (values, width) => {
        for (let l = 0; l < k; l += 1) {
          for (let j = 0; j < n; j += 1) values[l * width + j] = b.data[startB + (transposeB ? j * k + l : l * n + j)];
        }
      });
      for (let i = 0; i < m; i += 1) result.data.set(rows.subarray(i * wide, i * wide + n), ((at + place) * m + i) * n);
    }
  });
  return result;
}

export function matrixProductBackward(kit, gradient, a, b, needs) {
  const squeezed = (tensor, like) => summedTo(tensor, like.shape);
  return [
    needs[0] ? squeezed(matrixProduct(kit, gradient, b, { transposeB: true }), a) : null,
    needs[1] ? squeezed(matrixProduct(kit, a, gradient, { transposeA: true }), b) : null,
  ];
}

// The geometry of a convolution, from the attributes of an ONNX node and the shape (outputs, inputs, height, width) of its kernels.
export function geometryOf(attributes, kernels) {
  if ((attributes.auto_pad ?? "NOTSET") !== "NOTSET") throw new Error(`auto_pad ${attributes.auto_pad} is not supported`);
  if (kernels.length !== 4) throw new Error("only convolutions of images are supported");
  const [top, left, bottom, right] = attributes.pads ?? [0, 0, 0, 0];
  const [down, across] = attributes.strides ?? [1, 1], [apartY, apartX] = attributes.dilations ?? [1, 1];
  return { top, left, bottom, right, down, across, apartY, apartX, height: kernels[2], width: kernels[3], groups: attributes.group ?? 1 };
}

// Convolves images (n, channels, height, width) with kernels (outputs, channels / groups, height, width) to a given size.
export function convolution(kit, images, kernels, geometry, [height, width]) {
  const [count, channels] = images.shape, [outputs] = kernels.shape, { groups } = geometry;
  const perGroup = outputs / groups, inputs = channels / groups, depth = inputs * geometry.height * geometry.width, area = height * width;
  const result = Tensor.zeros([count, outputs, height, width]);
  for (const [first, part] of partsOf(count, depth * area)) {
    for (let group = 0; group < groups; group += 1) {
      const matrix = { data: kernels.data, offset: group * perGroup * depth, row: depth, column: 1 };
      const { rows, wide } = kit.matmul.product(perGroup, part * area, depth, matrix, (columns, stride) =>
        unfold(images, first, part, group * inputs, inputs, geometry, height, width, columns, stride));
      for (let output = 0; output < perGroup; output += 1) {
        for (let image = 0; image < part; image += 1) {
          const from = output * wide + image * area;
          result.data.set(rows.subarray(from, from + area), ((first + image) * outputs + group * perGroup + output) * area);
        }
      }
    }
  }
  return result;
}

// The adjoint of `convolution`: a transposed convolution of images (n, channels, …) with kernels (channels, outputs / groups, …).
export function transposedConvolution(kit, images, kernels, geometry, [height, width]) {
  const [count, channels, rowsIn, columnsIn] = images.shape, { groups } = geometry;
  const perGroup = kernels.shape[1], inputs = channels / groups, area = rowsIn * columnsIn;
  const depth = perGroup * geometry.height * geometry.width;
  const result = Tensor.zeros([count, perGroup * groups, height, width]);
  for (const [first, part] of partsOf(count, Math.max(depth, inputs) * area)) {
    for (let group = 0; group < groups; group += 1) {
      const matrix = { data: kernels.data, offset: group * inputs * depth, row: 1, column: depth };
      const { rows, wide } = kit.matmul.product(depth, part * area, inputs, matrix, (columns, stride) => {
        for (let input = 0; input < inputs; input += 1) {
          for (let image = 0; image < part; image += 1) {
            const from = ((first + image) * channels + group * inputs + input) * area;
            columns.set(images.data.subarray(from, from + area), input * stride + image * area);
          }
        }
      });
      fold(rows, wide, rowsIn, columnsIn, geometry, result, first, part, group * perGroup, perGroup);
    }
  }
  return result;
}

function* partsOf(count, numbers) { // parts of a batch whose columns fit
  const most = Math.max(1, Math.floor(MAX_COLUMNS / numbers));
  for (let first = 0; first < count; first += most) yield [first, Math.min(most, count - first)];
}

// Returns the first and the end of the outputs whose input, at `offset` from the first one's, lies within `side`.
function inside(outputs, step, offset, side) {
  const begin = Math.max(0, Math.ceil(-offset / step)), end = Math.min(outputs, Math.floor((side - 1 - offset) / step) + 1);
  return [Math.min(begin, outputs), Math.max(Math.min(begin, outputs), end)];
}

// Writes the pixels under each position of the kernel into columns: one row for each channel and pixel of the kernel (im2col).
function unfold({ data, shape }, first, count, from, channels, geometry, height, width, columns, stride) {
  const { top, left, down, across, apartY, apartX } = geometry, [, total, rows, wide] = shape;
  let row = 0;
  for (let channel = from; channel < from + channels; channel += 1) {
    for (let y = 0; y < geometry.height; y += 1) {
      const offsetY = y * apartY - top, [beginY, endY] = inside(height, down, offsetY, rows);
      for (let x = 0; x < geometry.width; x += 1, row += 1) {
        const offsetX = x * apartX - left, [beginX, endX] = inside(width, across, offsetX, wide);
        for (let image = 0; image < count; image += 1) {
          const base = ((first + image) * total + channel) * rows * wide, start = row * stride + image * height * width;
          columns.fill(0, start, start + height * width);
          for (let i = beginY; i < endY; i += 1) {
            let pixel = base + (i * down + offsetY) * wide + beginX * across + offsetX;
            const line = start + i * width;
            for (let j = beginX; j < endX; j += 1, pixel += across) columns[line + j] = data[pixel];
          }
        }
      }
    }
  }
}

// The adjoint of `unfold`: adds the columns to the pixels that they come from (col2im).
function fold(columns, stride, rowsIn, columnsIn, geometry, { data, shape }, first, count, from, channels) {
  const { top, left, down, across, apartY, apartX } = geometry, [, total, rows, wide] = shape;
  let row = 0;
  for (let channel = from; channel < from + channels; channel += 1) {
    for (let y = 0; y < geometry.height; y += 1) {
      const offsetY = y * apartY - top, [beginY, endY] = inside(rowsIn, down, offsetY, rows);
      for (let x = 0; x < geometry.width; x += 1, row += 1) {
        const offsetX = x * apartX - left, [beginX, endX] = inside(columnsIn, across, offsetX, wide);
        for (let image = 0; image < count; image += 1) {
          const base = ((first + image) * total + channel) * rows * wide, start = row * stride + image * rowsIn * columnsIn;
          for (let i = beginY; i < endY; i += 1) {
            let pixel = base + (i * down + offsetY) * wide + beginX * across + offsetX;
            const line = start + i * columnsIn;
            for (let j = beginX; j < endX; j += 1, pixel += across) data[pixel] += columns[line + j];
          }
        }
      }
    }
  }
}

export function withBias(tensor, bias) { // adds a number to each channel, in place
  if (!bias) return tensor;
  const [count, channels, ...sides] = tensor.shape, area = sizeOf(sides);
  for (let image = 0, at = 0; image < count; image += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const value = bias.data[channel];
      for (const end = at + area; at < end; at += 1) tensor.data[at] += value;
    }
  }
  return tensor;
}
