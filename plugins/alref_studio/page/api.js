// Requests to the server. Every address is relative to that of the page, so that it works behind a prefix.

/** Return the JSON of an address. Throws an Error with what the server says. */
export async function getJson(path) {
  return readJson(await fetch(path));
}

/** Send an object as JSON and return the answer. Throws an Error with what the server says. */
export async function postJson(path, body = {}) {
  const headers = { "content-type": "application/json" };
  return readJson(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Send a file, and return what the server calls it. */
export async function upload(file) {
  return readJson(await fetch(`uploads?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }));
}

async function readJson(response) {
  const text = await response.text();
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error(text.slice(0, 300) || `the server answered ${response.status}`);
  }
  if (!response.ok) throw new Error(data.error ?? `the server answered ${response.status}`);
  return data;
}

/** Call the handlers of server-sent events by name; `onConnection` is told whether the server is there. */
export function listen(handlers, onConnection) {
  const source = new EventSource("events");
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.onopen = () => onConnection(true);
  source.onerror = () => onConnection(false);
  return source;
}
