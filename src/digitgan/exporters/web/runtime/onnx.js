// Reads an ONNX file: the graph's nodes, and its constants as tensors. https://onnx.ai/onnx/repo-docs/IR.html
//
// An ONNX file is one protocol buffer: https://protobuf.dev/programming-guides/encoding/

import { Tensor } from "./tensor.js";

const VARINT = 0, EIGHT_BYTES = 1, BYTES = 2, FOUR_BYTES = 5; // wire types
const FLOAT = 1, INT32 = 6, INT64 = 7, BOOL = 9, FLOAT16 = 10; // TensorProto.DataType
const text = new TextDecoder();

// The field numbers of onnx.proto that are read.
const MODEL = { graph: 7 };
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12 };
const NODE = { input: 1, output: 2, type: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, t: 5, floats: 7, ints: 8, strings: 9 };
const TENSOR = { dims: 1, type: 2, floats: 4, int32s: 5, int64s: 7, name: 8, raw: 9 };

// Returns { nodes: [{ type, inputs, outputs, attributes }], constants: Map(name -> Tensor), inputs: [name], outputs: [name] }.
export function readOnnx(buffer) {
  const graph = fieldsOf(only(fieldsOf(new Uint8Array(buffer)), MODEL.graph));
  const constants = new Map(every(graph, GRAPH.initializer).map((bytes) => {
    const fields = fieldsOf(bytes);
    return [text.decode(only(fields, TENSOR.name)), tensorOf(fields)];
  }));
  const names = (bytes) => text.decode(only(fieldsOf(bytes), 1));
  return {
    nodes: every(graph, GRAPH.node).map(nodeOf),
    constants,
    inputs: every(graph, GRAPH.input).map(names).filter((name) => !constants.has(name)),
    outputs: every(graph, GRAPH.output).map(names),
  };
}

function nodeOf(bytes) {
  const fields = fieldsOf(bytes);
  const strings = (number) => every(fields, number).map((each) => text.decode(each));
  return {
    type: text.decode(only(fields, NODE.type)),
    inputs: strings(NODE.input),
    outputs: strings(NODE.output),
    attributes: Object.fromEntries(every(fields, NODE.attribute).map(attributeOf)),
  };
}

function attributeOf(bytes) {
  const fields = fieldsOf(bytes);
  const has = (number) => fields.has(number);
  const name = text.decode(only(fields, ATTRIBUTE.name));
  if (has(ATTRIBUTE.ints)) return [name, integers(fields, ATTRIBUTE.ints)];
  if (has(ATTRIBUTE.floats)) return [name, floats(fields, ATTRIBUTE.floats)];
  if (has(ATTRIBUTE.strings)) return [name, every(fields, ATTRIBUTE.strings).map((each) => text.decode(each))];
  if (has(ATTRIBUTE.t)) return [name, tensorOf(fieldsOf(only(fields, ATTRIBUTE.t)))];
  if (has(ATTRIBUTE.s)) return [name, text.decode(only(fields, ATTRIBUTE.s))];
  if (has(ATTRIBUTE.f)) return [name, floats(fields, ATTRIBUTE.f)[0]];
  return [name, has(ATTRIBUTE.i) ? signed(only(fields, ATTRIBUTE.i)) : 0];
}

function tensorOf(fields) {
  const shape = integers(fields, TENSOR.dims);
  const type = Number(only(fields, TENSOR.type));
  const raw = fields.has(TENSOR.raw) ? only(fields, TENSOR.raw).slice().buffer : null; // a copy is aligned
  if (type === FLOAT) return new Tensor(raw ? new Float32Array(raw) : Float32Array.from(floats(fields, TENSOR.floats)), shape);
  if (type === INT64) return new Tensor(Float64Array.from(raw ? new BigInt64Array(raw) : integers(fields, TENSOR.int64s), Number), shape);
  if (type === INT32) return new Tensor(Float64Array.from(raw ? new Int32Array(raw) : integers(fields, TENSOR.int32s)), shape);
  if (type === BOOL) return new Tensor(Float64Array.from(raw ? new Uint8Array(raw) : integers(fields, TENSOR.int32s)), shape);
  if (type === FLOAT16) return new Tensor(Float32Array.from(raw ? new Uint16Array(raw) : integers(fields, TENSOR.int32s), halfToNumber), shape);
  throw new Error(`the model has a constant of an unsupported type (ONNX data type ${type})`);
}

function halfToNumber(bits) { // IEEE 754 binary16
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

// Returns Map(field number -> [value]): a BigInt for a varint, and bytes for all others.
function fieldsOf(bytes) {
  const fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const lengths = { [EIGHT_BYTES]: () => 8, [FOUR_BYTES]: () => 4, [BYTES]: () => Number(varint()) };
  while (at < bytes.length) {
    const key = Number(varint()), number = key >> 3, wire = key & 7;
    let value;
    if (wire === VARINT) value = varint();
    else {
      if (!(wire in lengths)) throw new Error("the file is not an ONNX model");
      const length = lengths[wire]();
      value = bytes.subarray(at, at += length);
    }
    if (!fields.has(number)) fields.set(number, []);
    fields.get(number).push(value);
  }
  return fields;
}

const every = (fields, number) => fields.get(number) ?? [];

function only(fields, number) {
  if (!fields.has(number)) throw new Error("the file is not an ONNX model");
  return fields.get(number)[0];
}

const signed = (value) => Number(BigInt.asIntN(64, value));

function integers(fields, number) { // repeated integers, packed or not
  return every(fields, number).flatMap((value) => {
    if (typeof value === "bigint") return [signed(value)];
    const found = [];
    for (let at = 0, integer = 0n, shift = 0n; at < value.length; at += 1) {
      integer |= BigInt(value[at] & 127) << shift;
      shift += 7n;
      if (value[at] < 128) {
        found.push(signed(integer));
        integer = shift = 0n;
      }
    }
    return found;
  });
}

function floats(fields, number) { // repeated floats, packed or not
  return every(fields, number).flatMap((bytes) => [...new Float32Array(bytes.slice().buffer)]);
}
