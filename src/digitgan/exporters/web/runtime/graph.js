// Runs an ONNX graph, and computes the gradient of a function of its output with respect to an input.

import { operators } from "./operators.js";
import { readOnnx } from "./onnx.js";
import { combined } from "./elementwise.js";

export class Graph {
  #kit;
  #constants;
  #nodes;

  // buffer: the bytes of an ONNX file. matmul: see matmul.js.
  constructor(buffer, matmul) {
    const { nodes, constants, inputs, outputs } = readOnnx(buffer);
    this.inputs = inputs;
    this.outputs = outputs;
    this.#kit = { matmul };
    this.#constants = constants;
    this.#nodes = [];
    for (const node of nodes) {
      if (node.type === "Constant") constants.set(node.outputs[0], node.attributes.value);
      else if (!(node.type in operators)) throw new Error(`the operator ${node.type} of the model is not supported`);
      else if (node.inputs.every((name) => name === "" || constants.has(name))) this.#apply(node, constants).forEach((value, n) => constants.set(node.outputs[n], value));
      else this.#nodes.push(node);
    }
    const used = new Set(this.#nodes.flatMap((node) => node.inputs));
    for (const [name, { data }] of constants) {
      if (!used.has(name)) constants.delete(name);
      else if (data instanceof Float32Array) matmul.hold(data);
    }
  }

  #apply(node, values) {
    return operators[node.type].forward(node.inputs.map((name) => (name === "" ? undefined : values.get(name))), node.attributes, this.#kit);
  }

  #values(given) { // of all nodes
    const values = new Map(this.#constants), records = new Map();
    for (const name of this.inputs) values.set(name, given[name]);
    for (const node of this.#nodes) {
      const outputs = this.#apply(node, values);
      records.set(node, outputs);
      node.outputs.forEach((name, n) => values.set(name, outputs[n]));
    }
    return { values, records };
  }

  // given: { input name: Tensor }. Returns the first output.
  run(given) {
    return this.#values(given).values.get(this.outputs[0]);
  }

  // Returns { output, gradient }: the first output, and the gradient with respect to an input. slope(output) returns the
  // gradient with respect to the output.
  gradient(given, input, slope) {
    const { values, records } = this.#values(given);
    const output = values.get(this.outputs[0]);
    const dependent = new Set([input]);
    for (const node of this.#nodes) if (node.inputs.some((name) => dependent.has(name))) node.outputs.forEach((name) => dependent.add(name));
    const gradients = new Map([[this.outputs[0], slope(output)]]);
    for (const node of [...this.#nodes].reverse()) {
      const found = node.outputs.map((name) => gradients.get(name) ?? null);
      if (found.every((each) => each === null)) continue;
      const needs = node.inputs.map((name) => dependent.has(name));
      const { backward } = operators[node.type];
      if (!needs.includes(true)) continue;
      if (!backward) throw new Error(`the gradient of the operator ${node.type} is not supported`);
      const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
      backward(found, inputs, records.get(node), node.attributes, this.#kit, needs).forEach((each, n) => {
        const name = node.inputs[n];
        if (!needs[n] || !each) return;
        gradients.set(name, gradients.has(name) ? combined("add", gradients.get(name), each) : each);
      });
    }
    return { output, gradient: gradients.get(input) };
  }
}
