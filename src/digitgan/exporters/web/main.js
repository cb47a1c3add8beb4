// The exported page: the sections of the studio that need no training and no server.

import { model } from "./api.js";
import { byId } from "./dom.js";
import * as draw from "./draw.js";
import * as explore from "./explore.js";
import { showSections } from "./sections.js";
import * as write from "./write.js";

const sections = {
  ...(model.ink ? { draw } : {}), // others do not generate light ink on a dark ground
  ...(model.conditional && model.class_names.some((name) => name.length === 1) ? { write } : {}),
  explore,
};
for (const link of document.querySelectorAll("nav a")) if (!(link.hash.slice(1) in sections)) link.remove();
for (const select of document.querySelectorAll("select.models")) select.closest("label").hidden = true; // there is one model
byId("explore-nearest").closest(".panel").hidden = true; // the training images are not part of the page
byId("about").textContent = `Model ${model.name}, computed in this browser. Exported by digitgan ${model.digitgan}.`;
await showSections(sections, Object.keys(sections)[0]);
