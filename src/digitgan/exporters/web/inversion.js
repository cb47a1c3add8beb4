// GAN inversion: the latent and the class from which the generator redraws an image best. The method is that of `digitgan invert`,
// with fewer steps: Adam minimises the squared error of the pixels with respect to the latent, from several starts.

import { normals } from "./latents.js";
import { Tensor } from "./runtime/tensor.js";

const STARTS = 4; // for each class: a single descent may end in a local minimum
const FIRST_STEPS = 30, KEPT = 2, FURTHER_STEPS = 60;
const STARTS_OF_MANY = 1, FIRST_STEPS_OF_MANY = 20; // where the class is not known, and every class is tried
const RATE = 0.1, BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8; // of Adam

// all: { model, generator }. target: pixels in [-1, 1]. label: the class, or null to try each.
// Returns { code, label }.
export function invert({ model, generator }, target, label = null) {
  const classes = model.class_names.length, { width, prior } = model.inversion;
  const every = label === null ? model.class_names.map((_, each) => each) : [label];
  const starts = label === null ? STARTS_OF_MANY : STARTS;
  const labels = every.flatMap((each) => new Array(starts).fill(each));
  const begin = labels.map((_, n) => Float32Array.from(normals(n, width)));

  const descend = (rows, ofLabels, steps) => {
    const variables = rows.map((row) => row.slice()), count = rows.length;
    const means = rows.map((row) => new Float32Array(row.length)), squares = rows.map((row) => new Float32Array(row.length));
    const shares = Tensor.zeros([count, classes]);
    ofLabels.forEach((each, n) => { shares.data[n * classes + each] = 1; });
    const losses = new Float64Array(count);
    for (let step = 1; step <= steps; step += 1) {
      const z = codesOf(model, variables);
      const { gradient } = generator.gradient({ z, shares }, "z", (images) => {
        const slope = new Float32Array(images.data.length), size = target.length;
        for (let n = 0; n < count; n += 1) {
          losses[n] = 0;
          for (let pixel = 0; pixel < size; pixel += 1) {
            const difference = images.data[n * size + pixel] - target[pixel];
            losses[n] += difference ** 2 / size;
            slope[n * size + pixel] = (2 * difference) / size;
          }
        }
        return new Tensor(slope, images.shape);
      });
      variables.forEach((row, n) => {
        const slope = ofVariables(model, gradient, n);
        for (let at = 0; at < width; at += 1) {
          losses[n] += (prior * row[at] ** 2) / width;
          const down = slope[at] + (2 * prior * row[at]) / width;
          means[n][at] = BETA1 * means[n][at] + (1 - BETA1) * down;
          squares[n][at] = BETA2 * squares[n][at] + (1 - BETA2) * down ** 2;
          row[at] -= (RATE * (means[n][at] / (1 - BETA1 ** step))) / (Math.sqrt(squares[n][at] / (1 - BETA2 ** step)) + EPSILON);
        }
      });
    }
    const order = [...losses.keys()].sort((a, b) => losses[a] - losses[b]);
    return { variables: order.map((n) => variables[n]), labels: order.map((n) => ofLabels[n]) };
  };

  const first = descend(begin, labels, label === null ? FIRST_STEPS_OF_MANY : FIRST_STEPS);
  const best = descend(first.variables.slice(0, KEPT), first.labels.slice(0, KEPT), FURTHER_STEPS);
  return { code: [...codesOf(model, best.variables.slice(0, 1)).data], label: best.labels[0] };
}

// The code of a generator with styles is an affine function of the variables: code = base + Σ variable · weight.
function codesOf({ inversion: { base, entries } }, variables) {
  if (!entries) return new Tensor(Float32Array.from(variables.flatMap((row) => [...row])), [variables.length, variables[0].length]);
  const codes = new Tensor(Float32Array.from(variables.flatMap(() => base)), [variables.length, base.length]);
  variables.forEach((row, n) => {
    for (const [variable, column, weight] of entries) codes.data[n * base.length + column] += weight * row[variable];
  });
  return codes;
}

function ofVariables({ inversion: { width, base, entries } }, gradient, n) { // the gradient with respect to the variables
  if (!entries) return gradient.data.subarray(n * width, (n + 1) * width);
  const result = new Float32Array(width);
  for (const [variable, column, weight] of entries) result[variable] += weight * gradient.data[n * base.length + column];
  return result;
}
