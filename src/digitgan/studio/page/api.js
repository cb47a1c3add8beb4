// Requests to the server. An error response is thrown as an Error with the message of the server, and its HTTP status.

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
  throw Object.assign(new Error(words), { status: response.status });
}

export async function get(path, values) {
  return (await answer(await fetch(address(path, values)))).json();
}

// Returns a picture, as a Blob.
export async function blobOf(path, values) {
  return (await answer(await fetch(address(path, values)))).blob();
}

// Returns a file for the user, as { blob, name }.
export async function fileOf(path, values) {
  const response = await answer(await fetch(address(path, values)));
  const name = /filename="?([^";]+)/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "download";
  return { blob: await response.blob(), name };
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
