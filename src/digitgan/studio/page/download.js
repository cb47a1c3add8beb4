// The form for downloads in the Runs section: images or a model, in every format of the command line.

import { fileOf, get } from "./api.js";
import { byId, chooseModel, options, tell } from "./dom.js";

let formats = null;

function showFormats() {
  const images = byId("download-what").value === "images";
  const names = images ? formats.images : formats.models.map(({ name }) => name);
  options(byId("download-format"), names.map((name) => [name, name]), byId("download-format").value);
  for (const id of ["download-count", "download-seed"]) {
    byId(id).closest("label").hidden = !images;
    byId(id).disabled = !images; // a hidden field with an invalid value would keep the form from being sent
  }
  byId("download-state").textContent = "";
  const quantize = images ? [] : (formats.models.find(({ name }) => name === byId("download-format").value)?.quantize ?? []);
  options(byId("download-quantize"), [["", "float32"], ...quantize.map((name) => [name, name])], "");
  byId("download-quantize").closest("label").hidden = quantize.length === 0;
}

async function download() {
  const model = byId("download-model").value, format = byId("download-format").value, images = byId("download-what").value === "images";
  const button = byId("download-start");
  button.disabled = true;
  byId("download-state").textContent = "The server makes the file …";
  try {
    const { blob, name } = images
      ? await fileOf("downloads/images", { model, format, per_class: byId("download-count").value, seed: byId("download-seed").value })
      : await fileOf("downloads/model", { model, format, quantize: byId("download-quantize").value });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    byId("download-state").textContent = `${name}: ${blob.size.toLocaleString("en")} bytes.`;
    tell(null);
  } catch (problem) {
    byId("download-state").textContent = "";
    tell(problem.message);
  }
  button.disabled = false;
}

// Opens the form for a model.
export function choose(model) {
  byId("download").open = true;
  byId("download-model").value = model;
  byId("download").scrollIntoView({ block: "nearest" });
  byId("download-what").focus();
}

export async function enter() {
  formats ??= await get("downloads/formats");
  chooseModel(byId("download-model"), await get("models"), undefined, byId("download-model").value || "mnist");
  showFormats();
}

for (const id of ["download-what", "download-format"]) byId(id).addEventListener("change", showFormats);
byId("download-form").addEventListener("submit", (event) => {
  event.preventDefault();
  download();
});
