// Latent codes: random ones, and positions along the principal directions.

// Returns standard normal numbers for a seed, equal in every browser (mulberry32 and the Box–Muller transform).
export function normals(seed, count) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const found = [];
  while (found.length < count) {
    const length = Math.sqrt(-2 * Math.log(1 - uniform())), turn = 2 * Math.PI * uniform();
    found.push(length * Math.cos(turn), length * Math.sin(turn));
  }
  return found.slice(0, count);
}

const along = (code, direction) => code.reduce((sum, value, n) => sum + value * direction[n], 0);

// Returns the coordinates of a latent code along the directions, in standard deviations.
export const coordinates = (code, directions) => directions.map((direction) => along(code, direction));

// Moves a latent code to the given coordinates; null keeps one.
export function moved(code, wanted, directions) {
  return movedBy(code, wanted.map((value, n) => (value === null ? 0 : value - along(code, directions[n]))), directions);
}

// Moves a latent code by the given distances along the directions.
export function movedBy(code, distances, directions) {
  return code.map((value, at) => distances.reduce((sum, distance, n) => sum + distance * directions[n][at], value));
}
