// The section and its state are stored in the address, so that a link shares them. Also: helpers for the DOM.

export function read(first = "lab") {
  const [room, query] = location.hash.slice(1).split("?");
  return { room: room || first, values: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

export function remember(room, values) {
  if (read().room !== room) return; // another section has been opened meanwhile
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const hash = `#${room}?${query}`;
  if (hash === location.hash) return;
  try {
    history.replaceState(null, "", hash);
  } catch { /* a browser that limits the number of changes: the next one is made */ }
}

export const byId = (id) => document.getElementById(id);

// Shows a message above the section, with buttons that help; null removes it.
export function tell(words, ...buttons) {
  const trouble = byId("trouble");
  trouble.hidden = !words;
  trouble.replaceChildren(words ?? "", ...buttons);
}

export function options(select, values, chosen) {
  const made = values.map(([value, text]) => new Option(text, value, false, value === chosen));
  select.replaceChildren(...made);
  if (chosen !== undefined && values.some(([value]) => value === chosen)) select.value = chosen;
}

// Fills a list of models, and returns the chosen one: the wanted one if the address names it, or else the one before, if it is there.
export function chooseModel(select, models, wanted, before) {
  const names = models.map(({ name }) => name);
  const chosen = wanted ?? (names.includes(before) ? before : names[0]);
  options(select, names.map((name) => [name, name]), chosen);
  return chosen;
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const count = (number) => Number(number ?? 0).toLocaleString("en");

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  if (whole < 90) return `${whole} s`;
  return whole < 5400 ? `${Math.round(whole / 60)} min` : `${(whole / 3600).toFixed(1)} h`;
}
