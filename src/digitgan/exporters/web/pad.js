// A pad for two principal directions of the latent, controlled by dragging or by the arrow keys.

export const REACH = 3; // standard deviations from the centre to the edge

export const within = (value) => Math.max(-REACH, Math.min(REACH, value));

// state: object whose x and y are changed; told: called after each change.
export function listen(pad, state, told) {
  const moveTo = (event) => {
    const box = pad.getBoundingClientRect();
    state.x = within(((event.clientX - box.left) / box.width) * 2 * REACH - REACH);
    state.y = within(REACH - ((event.clientY - box.top) / box.height) * 2 * REACH);
    told();
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    moveTo(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) moveTo(event);
  });
  pad.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.5 : 0.1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (!move) return;
    event.preventDefault();
    state.x = within(state.x + move[0]);
    state.y = within(state.y + move[1]);
    told();
  });
}

// Updates the position of the dot and the text beside it.
export function show(dot, words, { x, y }) {
  dot.style.left = `${(50 * (x + REACH)) / REACH}%`;
  dot.style.top = `${(50 * (REACH - y)) / REACH}%`;
  words.textContent = `first direction ${x.toFixed(2)}, second ${y.toFixed(2)} (standard deviations)`;
}
