// Brings a drawing to the form of the model's images, as `digitgan.generation.drawing.placed_drawing` does: the box around the ink is
// scaled to the size that the model draws, and its centre of mass is placed where the model places it (LeCun et al. 1998).

const INK = 64; // level from which a pixel counts as ink
const BOX = 0.25; // share of the range from which a pixel belongs to the box

// grey: levels (height × width), light ink on a dark ground. form: { box, centre, centred }, see `InkForm` in Python.
// Returns levels (rows × columns).
export function placed(grey, height, width, form, rows, columns) {
  const white = quantile(grey.filter((level) => level > INK), 0.9) || Math.max(...grey);
  if (!white) throw new Error("The drawing is empty.");
  const ink = Float64Array.from(grey, (level) => Math.min(1, level / white));
  const box = boxOf(ink, height, width);
  const tall = box.bottom - box.top, broad = box.right - box.left;
  const scale = form.box / Math.max(tall, broad);
  const high = Math.max(1, Math.round(tall * scale)), wide = Math.max(1, Math.round(broad * scale));
  const cut = new Float64Array(tall * broad);
  for (let y = 0; y < tall; y += 1) for (let x = 0; x < broad; x += 1) cut[y * broad + x] = 255 * ink[(box.top + y) * width + box.left + x];
  let small = reduced(cut, tall, broad, high, wide).map(clipped);
  const bright = quantile(small.filter((level) => level > INK), 0.9) || Math.max(...small);
  if (bright > 0) small = small.map((level) => clipped((255 * level) / bright)); // thin strokes fade when they are scaled down
  const wanted = form.centred ? form.centre : [(rows - 1) / 2, (columns - 1) / 2];
  const [middleY, middleX] = centreOf(small, high, wide);
  const within = (value, most) => Math.min(Math.max(value, 0), Math.max(0, most)); // the box stays within the picture
  const top = within(Math.round(wanted[0] - middleY), rows - high), left = within(Math.round(wanted[1] - middleX), columns - wide);
  const result = new Uint8Array(rows * columns);
  for (let y = 0; y < Math.min(high, rows); y += 1) {
    for (let x = 0; x < Math.min(wide, columns); x += 1) result[(top + y) * columns + left + x] = Math.round(small[y * wide + x]);
  }
  return result;
}

const clipped = (level) => Math.min(255, Math.max(0, level));

function quantile(values, share) { // linear interpolation, as in NumPy; 0 of no values
  if (!values.length) return 0;
  const sorted = Float64Array.from(values).sort(), at = share * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
}

function boxOf(ink, height, width) {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (ink[y * width + x] <= BOX) continue;
      [box.top, box.bottom] = [Math.min(box.top, y), Math.max(box.bottom, y + 1)];
      [box.left, box.right] = [Math.min(box.left, x), Math.max(box.right, x + 1)];
    }
  }
  return box;
}

function centreOf(values, height, width) { // centre of mass
  let sum = 0, down = 0, across = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const value = values[y * width + x];
      sum += value;
      down += value * y;
      across += value * x;
    }
  }
  return sum ? [down / sum, across / sum] : [height / 2, width / 2];
}

// Resizes an image with Lanczos' filter, whose support grows with the reduction, as Pillow does.
function reduced(values, height, width, high, wide) {
  return resampled(resampled(values, height, width, wide), wide, height, high);
}

function resampled(values, rows, from, to) { // along the rows; the result is transposed
  const result = new Float64Array(to * rows), scale = Math.max(1, from / to), support = 3 * scale;
  for (let n = 0; n < to; n += 1) {
    const centre = ((n + 0.5) * from) / to;
    const first = Math.max(0, Math.floor(centre - support + 0.5)), end = Math.min(from, Math.floor(centre + support + 0.5));
    const weights = Array.from({ length: end - first }, (_, k) => lanczos((first + k + 0.5 - centre) / scale));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let row = 0; row < rows; row += 1) {
      let sum = 0;
      weights.forEach((weight, k) => { sum += weight * values[row * from + first + k]; });
      result[n * rows + row] = sum / total;
    }
  }
  return result;
}

function lanczos(x) {
  if (x === 0) return 1;
  if (Math.abs(x) >= 3) return 0;
  const turn = Math.PI * x;
  return (3 * Math.sin(turn) * Math.sin(turn / 3)) / turn ** 2;
}
