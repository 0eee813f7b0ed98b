// The buttons and the keys of the page, the pointer on the canvas, and the crosshair that sets points without it.

import { postJson } from "./api.js";
import { run, say } from "./messages.js";
import { make } from "./panels.js";

const find = (id) => document.getElementById(id);
const KEYS = [
  ["Space", "play or pause"],
  ["← →", "one frame back or forward; with Shift ten"],
  ["Home End", "first or last frame"],
  ["[ ]", "previous or next flag"],
  ["1 … 9", "select an object"],
  ["H", "hide or show the selected object"],
  ["click", "this is on the selected object; with the right button, it is not"],
  ["X", "set points with the keyboard: arrows move, Enter is on it, Shift+Enter is not, Escape ends"],
  ["Backspace", "remove the last point"],
  ["A", "the object is absent on this frame"],
  ["C", "the mask of this frame is right: what lies behind it stays"],
  ["P", "propagate the object again from the points"],
  ["Z", "undo: the last point, else the last correction"],
  ["?", "this list"],
];

/**
 * Listen to buttons, keys and the pointer. `state` is what the page shows; `actions` are what they do besides: `select(number)`,
 * `toggleHidden(number)`, `goToFlag(direction)`, `undo()`, `edit(body)` and `editHere(body)`.
 */
export function listenToControls(state, viewer, corrector, actions) {
  listenToButtons(state, viewer, corrector, actions);
  listenToKeys(state, viewer, corrector, actions);
}

function listenToButtons(state, viewer, corrector, actions) {
  const addPoint = (event, positive) => {
    if (!state.run?.finished) return;
    viewer.pause();
    const { x, y } = viewer.locate(event);
    corrector.add(x, y, positive);
  };
  find("cancel").onclick = () => run(() => postJson("cancel"));
  find("play").onclick = () => viewer.toggle();
  find("step").onclick = () => viewer.step(1);
  find("step-back").onclick = () => viewer.step(-1);
  find("next-flag").onclick = () => actions.goToFlag(1);
  find("previous-flag").onclick = () => actions.goToFlag(-1);
  find("absent").onclick = () => actions.editHere({ action: "prompt", absent: true });
  find("confirm").onclick = () => actions.editHere({ action: "confirm" });
  find("propagate").onclick = () => run(() => corrector.propagate());
  find("undo").onclick = actions.undo;
  find("views").onclick = () => actions.edit({ action: "views" });
  find("canvas").onclick = (event) => addPoint(event, document.querySelector("[name=sign]:checked").value === "on");
  find("canvas").onpointerenter = () => corrector.prepare();
  find("canvas").oncontextmenu = (event) => {
    event.preventDefault();
    addPoint(event, false);
  };

  find("seek").oninput = (event) => {
    viewer.pause();
    viewer.show(Number(event.target.value));
  };
}

function listenToKeys(state, viewer, corrector, actions) {
  find("help").onclick = () => find("keys").showModal();
  find("key-list").replaceChildren(
    ...KEYS.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]),
  );

  const byKey = {
    " ": () => viewer.toggle(),
    ArrowRight: (event) => viewer.step(event.shiftKey ? 10 : 1),
    ArrowLeft: (event) => viewer.step(event.shiftKey ? -10 : -1),
    Home: () => viewer.show(0),
    End: () => viewer.show(state.info.frames - 1),
    "[": () => actions.goToFlag(-1),
    "]": () => actions.goToFlag(1),
    h: () => state.selected && actions.toggleHidden(state.selected),
    a: () => state.run?.finished && find("absent").click(),
    c: () => state.run?.finished && find("confirm").click(),
    p: () => state.run?.finished && find("propagate").click(),
    z: () => state.run?.finished && actions.undo(),
    Backspace: () => corrector.removeLast(),
    "?": () => find("keys").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const typing = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
    const pressing = key === " " && target.matches("button, summary, input");
    if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
    if (state.info && !target.matches("button, summary, input, a") && useCrosshair(event, state, viewer, corrector)) {
      event.preventDefault();
      return;
    }
    const action = /^[1-9]$/.test(key) ? () => actions.select(Number(key)) : byKey[key.length === 1 ? key.toLowerCase() : key];
    if (!action || !state.info) return;
    event.preventDefault();
    action(event);
  });
}

/** Move a crosshair with the arrows, and set points with Enter; return whether the key was one of these. */
function useCrosshair(event, state, viewer, corrector) {
  const { key, shiftKey } = event;
  const { width, height } = state.info;
  const place = corrector.crosshair;
  if (key.toLowerCase() === "x" && state.run?.finished) {
    corrector.crosshair = place ? null : { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  } else if (!place) {
    return false;
  } else if (key === "Escape") {
    corrector.crosshair = null;
  } else if (key === "Enter") {
    corrector.add(place.x, place.y, !shiftKey);
  } else if (key.startsWith("Arrow")) {
    const step = shiftKey ? 1 : Math.max(1, Math.round(width / 80));
    const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    place.x = Math.min(width - 1, Math.max(0, place.x + right * step));
    place.y = Math.min(height - 1, Math.max(0, place.y + down * step));
    say(`crosshair at ${place.x}, ${place.y}`);
  } else {
    return false;
  }
  viewer.refresh();
  return true;
}
