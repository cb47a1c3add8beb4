// Requests to the server. An error response is thrown as an Error with the message of the server.

const ROOT = "api/v1/";

export function address(path, values = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return ROOT + path + (text ? "?" + text : "");
}

async function answer(response) {
  if (response.ok) return response;
  let words = `${response.status} ${response.statusText}`;
  try {
    words = (await response.json()).error ?? words;
  } catch { /* not JSON: use the status */ }
  throw new Error(words);
}

export async function get(path, values) {
  return (await answer(await fetch(address(path, values)))).json();
}

export async function post(path, body) {
  const response = await fetch(ROOT + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return (await answer(response)).json();
}

// Sends a file. fetch() does not report the progress of an upload.
export function put(path, values, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address(path, values));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => progress(event.loaded / Math.max(1, event.total)));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Error(request.response?.error ?? `${request.status} ${request.statusText}`));
    });
    request.addEventListener("error", () => reject(new Error("the upload was interrupted; is the server still running?")));
    request.send(file);
  });
}

// An image that follows the controls. It sends one request at a time, for the latest state, and skips the states between.
export class Picture {
  constructor(image, told) {
    this.image = image;
    this.told = told;
    this.wanted = null;
    this.busy = false;
  }

  show(where, alt) {
    this.wanted = { where, alt };
    this.image.dataset.settled = "no"; // the image still shows an earlier state
    if (!this.busy) this.fetch();
  }

  async fetch() {
    this.busy = true;
    while (this.wanted) {
      const { where, alt } = this.wanted;
      this.wanted = null;
      try {
        const response = await answer(await fetch(where));
        const blob = URL.createObjectURL(await response.blob());
        const before = this.image.src;
        this.image.src = blob;
        this.image.alt = alt;
        await this.image.decode().catch(() => {});
        if (before.startsWith("blob:")) URL.revokeObjectURL(before);
        this.told(null);
      } catch (problem) {
        this.told(problem.message);
      }
    }
    this.busy = false;
    this.image.dataset.settled = "yes";
  }
}
