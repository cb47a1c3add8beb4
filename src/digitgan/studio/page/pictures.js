// Images as raw levels, painted on canvases in whole multiples of their pixels; and pictures that are loaded as files.

import { blobOf } from "./api.js";
import { make } from "./dom.js";

export function unpack(images) {
  const { count, height, width, channels, levels } = images;
  if (levels === undefined) return images;
  const text = atob(levels);
  const data = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) data[place] = text.charCodeAt(place);
  return { count, height, width, channels, data };
}

// The whole multiple of the pixels that comes closest to a size on the screen.
export const scale = (images, size) => Math.max(1, Math.floor(size / Math.max(images.width, images.height)));

// Paints image number `place`. A gradient (levels around 128) is laid over it: plus in one colour, minus in another.
export function paint(canvas, images, place, size, gradient = null) {
  const { width, height, channels, data } = images;
  const factor = scale(images, size);
  if (canvas.width !== width * factor || canvas.height !== height * factor) [canvas.width, canvas.height] = [width * factor, height * factor];
  const pixels = new ImageData(width, height);
  const start = place * width * height * channels;
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      pixels.data[4 * pixel + channel] = data[start + pixel * channels + (channels === 3 ? channel : 0)];
    }
    pixels.data[4 * pixel + 3] = 255;
  }
  const plain = document.createElement("canvas");
  [plain.width, plain.height] = [width, height];
  plain.getContext("2d").putImageData(pixels, 0, 0);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.globalAlpha = gradient ? 0.55 : 1;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(plain, 0, 0, canvas.width, canvas.height);
  pen.globalAlpha = 1;
  if (gradient) overlay(pen, gradient, place, factor);
}

function overlay(pen, gradient, place, factor) {
  const style = getComputedStyle(document.documentElement);
  const [brighter, darker] = ["--brighter", "--darker"].map((name) => style.getPropertyValue(name).trim());
  const { width, height, data } = gradient;
  const start = place * width * height;
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const value = (data[start + pixel] - 128) / 127;
    if (Math.abs(value) < 0.08) continue;
    const [left, top] = [(pixel % width) * factor, Math.floor(pixel / width) * factor];
    pen.globalAlpha = Math.min(1, Math.abs(value));
    pen.fillStyle = value > 0 ? brighter : darker;
    pen.fillRect(left, top, factor, factor);
    if (factor >= 7 && Math.abs(value) > 0.25) { // a sign in each pixel, where there is room: colour is not the only difference
      pen.globalAlpha = 1;
      pen.fillStyle = "#fff";
      const middle = Math.floor(factor / 2), arm = Math.max(1, Math.floor(factor / 4));
      pen.fillRect(left + middle - arm, top + middle, 2 * arm + 1, 1);
      if (value > 0) pen.fillRect(left + middle, top + middle - arm, 1, 2 * arm + 1);
    }
  }
  pen.globalAlpha = 1;
}

// Shows tiles in an element: [{ images, at, text, label, pressed }]. Buttons are kept and painted anew, because one that is replaced
// while it is pressed loses the click, and the keyboard its place. press: called with `at`; without it the tiles are no buttons.
export function showTiles(element, tiles, size, press) {
  while (element.children.length > tiles.length) element.lastChild.remove();
  while (element.children.length < tiles.length) {
    const canvas = make("canvas", press ? { "aria-hidden": "true" } : { role: "img" });
    const made = press ? make("button", { type: "button", class: "tile" }, canvas, make("span")) : make("div", { class: "tile" }, canvas, make("span"));
    if (press) made.addEventListener("click", () => element.press(Number(made.dataset.at)));
    element.append(made);
  }
  element.press = press;
  tiles.forEach(({ images, at, text, label, pressed }, place) => {
    const shown = element.children[place];
    const [canvas, span] = shown.children;
    paint(canvas, images, at, size);
    span.textContent = text;
    shown.dataset.at = at;
    (press ? shown : canvas).setAttribute("aria-label", label);
    if (press) shown.setAttribute("aria-pressed", String(pressed));
  });
}

// A picture with a text below it.
export function tile(images, place, size, text, label = text) {
  const canvas = make("canvas", { role: "img", "aria-label": label });
  paint(canvas, images, place, size);
  return make("div", { class: "tile" }, canvas, make("span", { text }));
}

// Loads a picture into an image element.
export async function load(path, values, image = new Image()) {
  const url = URL.createObjectURL(await blobOf(path, values));
  image.src = url;
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  return image;
}

// An image that follows the controls. It sends one request at a time, for the latest state, and skips the states between.
export class Picture {
  // told: called with an error message, or null. shown: called with the address of each picture.
  constructor(image, told, shown = () => {}) {
    this.image = image;
    this.told = told;
    this.shown = shown;
    this.wanted = null;
    this.busy = false;
  }

  show(path, values, alt) {
    this.wanted = { path, values, alt };
    this.image.dataset.settled = "no"; // the image still shows an earlier state
    if (!this.busy) this.fetch();
  }

  async fetch() {
    this.busy = true;
    while (this.wanted) {
      const { path, values, alt } = this.wanted;
      this.wanted = null;
      try {
        const url = URL.createObjectURL(await blobOf(path, values));
        const before = this.image.src;
        this.image.src = url;
        this.image.alt = alt;
        await this.image.decode().catch(() => {});
        this.shown(url);
        if (before.startsWith("blob:")) URL.revokeObjectURL(before);
        this.told(null);
      } catch (problem) {
        this.told(problem.message);
      }
    }
    this.busy = false;
    this.image.dataset.settled = "yes";
  }
}
