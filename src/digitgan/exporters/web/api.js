// Answers the requests of the page in the browser itself: the same requests, and the same answers, as those of the studio's server.
// A worker computes, so that the page stays responsive.

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map(); // number of a request -> { resolve, reject }
let last = 0;

worker.addEventListener("message", ({ data: { number, answer, problem } }) => {
  const { resolve, reject } = waiting.get(number);
  waiting.delete(number);
  if (problem === undefined) resolve(answer);
  else reject(new Error(problem));
});

function ask(path, values = {}) {
  last += 1;
  const number = last;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, path, values });
  });
}

export async function get(path, values) {
  if (path === "models") return [{ name: model.name }];
  return path.startsWith("models/") ? model : ask(path, values);
}
export const post = ask;
export const blobOf = ask; // of a picture

const failed = new Promise((_, reject) => {
  worker.addEventListener("error", (event) => reject(new Error(event.message ?? "the generator could not be loaded")));
});

// The facts of the model, from model.json.
export const model = await Promise.race([ask("model"), failed]).catch((problem) => {
  document.getElementById("trouble").textContent = `The generator could not be loaded: ${problem.message}.`;
  throw problem;
});
