// Products of matrices in WebAssembly: matmul.wasm, which is matmul.wat assembled.

const PAGE = 65536; // bytes

export class Matmul {
  #constants = new WeakMap(); // data -> address of its copy
  #bottom = 0; // the constants lie below

  constructor({ memory, matmul }) {
    this.memory = memory;
    this.matmul = matmul;
  }

  static async load(source) {
    const { instance } = await WebAssembly.instantiate(source);
    return new Matmul(instance.exports);
  }

  #reserve(bytes) {
    const missing = bytes - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
  }

  // Keeps a copy of the data, which must not change any more, for all further products.
  hold(data) {
    if (this.#constants.has(data)) return;
    this.#reserve(this.#bottom + data.byteLength);
    new Float32Array(this.memory.buffer, this.#bottom, data.length).set(data);
    this.#constants.set(data, this.#bottom);
    this.#bottom += (data.byteLength + 15) & ~15;
  }

  // Computes A × B for A (m × k), at `offset` in data with the given strides, and B (k × n).
  // fill(b, wide): writes B into b, whose rows are `wide` numbers apart.
  // Returns { rows, wide }: the product, whose m rows are `wide` numbers apart. It is valid until the next product.
  product(m, n, k, { data, offset = 0, row, column }, fill) {
    const wide = (n + 3) & ~3;
    let a = this.#constants.get(data), free = this.#bottom;
    if (a === undefined) {
      a = free;
      free += (data.byteLength + 15) & ~15;
      this.#reserve(free);
      new Float32Array(this.memory.buffer, a, data.length).set(data);
    }
    const b = free, c = b + 4 * k * wide;
    this.#reserve(c + 4 * m * wide);
    fill(new Float32Array(this.memory.buffer, b, k * wide), wide);
    this.matmul(m, wide, k, a + 4 * offset, 4 * row, 4 * column, b, c);
    return { rows: new Float32Array(this.memory.buffer, c, m * wide), wide };
  }
}
