// Shows the section that the address names.

import { byId, read, tell } from "./dom.js";

// sections: { id: module }. A module has `enter(values)`, called with the values of the address, and may have `leave()`.
// first: the section that is shown if the address names none. earlier: { an id of earlier versions: the id of today }.
export async function showSections(sections, first, earlier = {}) {
  let open = null;

  async function enter() {
    const { room: asked, values } = read(first);
    const named = earlier[asked] ?? asked, room = named in sections ? named : first;
    if (open && open !== room) sections[open].leave?.();
    tell(null);
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== room;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${room}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    open = room;
    document.title = `${byId(room).querySelector("h2").textContent} · digitgan`;
    try {
      await sections[room].enter(values);
    } catch (problem) {
      tell(problem.message);
    }
    if (open !== room) sections[room].leave?.(); // another section was opened while this one loaded
  }

  window.addEventListener("hashchange", enter);
  await enter();
  document.documentElement.dataset.ready = "yes";
}
