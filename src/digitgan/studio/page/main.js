// The page of the studio: its sections.

import * as breaking from "./break.js";
import * as draw from "./draw.js";
import * as explore from "./explore.js";
import * as lab from "./lab.js";
import * as runs from "./runs.js";
import { showSections } from "./sections.js";
import * as train from "./train.js";
import * as write from "./write.js";

// The server has stored the token in a cookie. It is removed from the address so that a shared link does not contain it.
const here = new URL(location.href);
if (here.searchParams.has("token")) {
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}

await showSections({ lab, break: breaking, draw, write, explore, runs, train }, "lab", { watch: "lab" });
