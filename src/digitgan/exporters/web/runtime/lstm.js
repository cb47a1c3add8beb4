// The operator LSTM, forward in time (Hochreiter and Schmidhuber 1997), with the equations and the order of gates of ONNX.

import { dense } from "./products.js";
import { Tensor } from "./tensor.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const ACTIVATIONS = { // the function, and its derivative from its value
  sigmoid: [sigmoid, (y) => y * (1 - y)],
  tanh: [Math.tanh, (y) => 1 - y * y],
};
const INPUT = 0, OUTPUT = 1, FORGET = 2, CELL = 3; // the gates

function activationsOf({ direction = "forward", activations = ["Sigmoid", "Tanh", "Tanh"], clip, layout = 0 }) {
  const found = activations.map((name) => ACTIVATIONS[name.toLowerCase()]);
  if (direction !== "forward" || clip || layout || found.length !== 3 || found.includes(undefined)) throw new Error("LSTM: only a plain one, forward in time, is supported");
  return found;
}

export function lstm([x, weights, recurrent, bias, lengths, firstHidden, firstCell, peepholes], attributes, kit) {
  const [[gate], [squash], [final]] = activationsOf(attributes);
  if (lengths || peepholes) throw new Error("LSTM: lengths and peepholes are not supported");
  const [steps, count, inputs] = x.shape, width = recurrent.shape[2];
  const given = dense(kit, x.data, steps * count, inputs, 4 * width, { data: weights.data, row: inputs, column: 1 });
  let hidden = firstHidden ? firstHidden.data : new Float32Array(count * width);
  let cell = firstCell ? firstCell.data : new Float32Array(count * width);
  const all = Tensor.zeros([steps, 1, count, width]), records = [];
  for (let step = 0; step < steps; step += 1) {
    const fed = dense(kit, hidden, count, width, 4 * width, { data: recurrent.data, row: width, column: 1 });
    const gates = new Float32Array(4 * count * width), next = new Float32Array(count * width), squashed = new Float32Array(count * width);
    const output = all.data.subarray(step * count * width, (step + 1) * count * width);
    for (let n = 0; n < count; n += 1) {
      for (let unit = 0; unit < width; unit += 1) {
        const at = n * width + unit;
        for (let each = 0; each < 4; each += 1) {
          const place = n * 4 * width + each * width + unit;
          let sum = given[step * count * 4 * width + place] + fed[place];
          if (bias) sum += bias.data[each * width + unit] + bias.data[(4 + each) * width + unit];
          gates[place] = each === CELL ? squash(sum) : gate(sum);
        }
        const of = (each) => gates[n * 4 * width + each * width + unit];
        next[at] = of(FORGET) * cell[at] + of(INPUT) * of(CELL);
        squashed[at] = final(next[at]);
        output[at] = of(OUTPUT) * squashed[at];
      }
    }
    records.push({ gates, squashed, before: cell });
    [hidden, cell] = [output, next];
  }
  const outputs = [all, new Tensor(hidden.slice(), [1, count, width]), new Tensor(cell, [1, count, width])];
  outputs.records = records; // for the gradient
  return outputs;
}

// Backpropagation through time.
export function lstmBackward([gradAll, gradHidden, gradCell], [x, weights, recurrent], outputs, attributes, kit, needs) {
  if (needs[1] || needs[2] || needs[3]) throw new Error("LSTM: the gradients of its weights are not supported");
  const [[, gateSlope], [, squashSlope], [, finalSlope]] = activationsOf(attributes);
  const [steps, count, inputs] = x.shape, width = recurrent.shape[2];
  let hidden = gradHidden ? gradHidden.data.slice() : new Float32Array(count * width);
  const cell = gradCell ? gradCell.data.slice() : new Float32Array(count * width);
  const sums = new Float32Array(steps * count * 4 * width); // gradients with respect to the sums before the activations
  for (let step = steps - 1; step >= 0; step -= 1) {
    const { gates, squashed, before } = outputs.records[step];
    const own = sums.subarray(step * count * 4 * width, (step + 1) * count * 4 * width);
    for (let n = 0; n < count; n += 1) {
      for (let unit = 0; unit < width; unit += 1) {
        const at = n * width + unit, place = (each) => n * 4 * width + each * width + unit, of = (each) => gates[place(each)];
        const output = hidden[at] + (gradAll ? gradAll.data[step * count * width + at] : 0);
        const inner = cell[at] + output * of(OUTPUT) * finalSlope(squashed[at]);
        own[place(OUTPUT)] = output * squashed[at] * gateSlope(of(OUTPUT));
        own[place(INPUT)] = inner * of(CELL) * gateSlope(of(INPUT));
        own[place(FORGET)] = inner * before[at] * gateSlope(of(FORGET));
        own[place(CELL)] = inner * of(INPUT) * squashSlope(of(CELL));
        cell[at] = inner * of(FORGET);
      }
    }
    hidden = dense(kit, own, count, 4 * width, width, { data: recurrent.data, row: 1, column: width });
  }
  const images = needs[0] ? new Tensor(dense(kit, sums, steps * count, 4 * width, inputs, { data: weights.data, row: 1, column: inputs }), x.shape) : null;
  return [images, null, null, null, null, new Tensor(hidden, [1, count, width]), new Tensor(cell, [1, count, width]), null];
}
