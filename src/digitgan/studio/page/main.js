// Shows the section that the address names.

import * as explore from "./explore.js";
import { byId, read, tell } from "./place.js";
import * as train from "./train.js";
import * as watch from "./watch.js";
import * as write from "./write.js";

const ROOMS = { write, explore, watch, train };
let open = null;

// The server has stored the token in a cookie. It is removed from the address so that a shared link does not contain it.
const here = new URL(location.href);
if (here.searchParams.has("token")) {
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}

async function enter() {
  let { room, values } = read();
  if (!(room in ROOMS)) room = "write";
  if (open && open !== room) ROOMS[open].leave?.();
  tell(null);
  for (const name of Object.keys(ROOMS)) byId(name).hidden = name !== room;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${room}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  open = room;
  document.title = `${room[0].toUpperCase()}${room.slice(1)} · digitgan`;
  try {
    await ROOMS[room].enter(values);
  } catch (problem) {
    tell(problem.message);
  }
  if (open !== room) ROOMS[room].leave?.(); // another section was opened while this one loaded
}

window.addEventListener("hashchange", enter);
await enter();
document.documentElement.dataset.ready = "yes";
