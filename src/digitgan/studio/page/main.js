// Shows the section that the address names.

import * as breaking from "./break.js";
import { byId, read, tell } from "./dom.js";
import * as draw from "./draw.js";
import * as explore from "./explore.js";
import * as lab from "./lab.js";
import * as runs from "./runs.js";
import * as train from "./train.js";
import * as write from "./write.js";

const SECTIONS = { lab, break: breaking, draw, write, explore, runs, train };
const EARLIER = { watch: "lab" }; // addresses of earlier versions
let open = null;

// The server has stored the token in a cookie. It is removed from the address so that a shared link does not contain it.
const here = new URL(location.href);
if (here.searchParams.has("token")) {
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}

async function enter() {
  let { room, values } = read();
  room = EARLIER[room] ?? room;
  if (!(room in SECTIONS)) room = "lab";
  if (open && open !== room) SECTIONS[open].leave?.();
  tell(null);
  for (const name of Object.keys(SECTIONS)) byId(name).hidden = name !== room;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${room}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  open = room;
  document.title = `${byId(room).querySelector("h2").textContent} · digitgan`;
  try {
    await SECTIONS[room].enter(values);
  } catch (problem) {
    tell(problem.message);
  }
  if (open !== room) SECTIONS[room].leave?.(); // another section was opened while this one loaded
}

window.addEventListener("hashchange", enter);
await enter();
document.documentElement.dataset.ready = "yes";
