// The form that exports the open run.

import { postJson } from "./api.js";
import { run } from "./messages.js";
import { make } from "./panels.js";

const find = (id) => document.getElementById(id);

/** Listen to the form; `state` is what the page shows. */
export function listenToExport(state) {
  find("export").onsubmit = (event) => {
    event.preventDefault();
    run(() => postJson(`runs/${state.run.id}/export`, { format: find("format").value }));
  };
  find("format").onchange = () => showFormat(state.settings.formats);
}

/** List the formats; one that lacks a library cannot be chosen. */
export function showFormats(formats) {
  const options = formats.map(({ name, problem }) => make("option", { value: name, disabled: Boolean(problem) }, name));
  const before = find("format").value;
  find("format").replaceChildren(...options);
  if (before) find("format").value = before;
  showFormat(formats);
}

function showFormat(formats) {
  const chosen = formats.find(({ name }) => name === find("format").value);
  find("format-summary").textContent = chosen?.summary ?? "";
}
