// Renders the OpenAPI document as a page.

import { byId, make } from "./dom.js";

const described = await (await fetch("openapi.json")).json();

const follow = (schema) => (schema?.$ref ? described.components.schemas[schema.$ref.split("/").at(-1)] : schema);

function kind(schema) {
  const found = follow(schema) ?? {};
  if (found.enum) return found.enum.join(" | ");
  if (found.const) return String(found.const);
  if (found.anyOf) return found.anyOf.map(kind).filter((name) => name !== "null").join(" | ");
  if (found.type === "array") return `list of ${kind(found.items)}`;
  const range = [found.minimum ?? found.exclusiveMinimum, found.maximum ?? found.exclusiveMaximum].map((end) => end ?? "");
  return (found.type ?? "") + (range[0] !== "" || range[1] !== "" ? ` ${range[0]} to ${range[1]}` : "");
}

function table(rows) {
  const head = make("tr", {}, ...["Name", "Type", "Default", "Description"].map((text) => make("th", { text })));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((text, n) => make("td", {}, n === 0 ? make("code", { text }) : text))));
  return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "table" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

const left = (schema, required) => (required ? "required" : schema?.default === undefined ? "" : String(schema.default));

const parts = [make("p", { text: described.info.description })];
for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    parts.push(make("h2", {}, make("code", { text: `${method.toUpperCase()} ${path}` })), make("p", { text: operation.description }));
    const rows = (operation.parameters ?? []).map((given) =>
      [given.name, kind(given.schema), left(given.schema, given.required), given.description ?? ""]);
    const body = follow(operation.requestBody?.content?.["application/json"]?.schema);
    for (const [name, schema] of Object.entries(body?.properties ?? {})) {
      rows.push([name, kind(schema), left(schema, body.required?.includes(name)), schema.description ?? ""]);
    }
    if (rows.length) parts.push(table(rows));
  }
}
byId("operations").replaceChildren(...parts);
document.documentElement.dataset.ready = "yes";
