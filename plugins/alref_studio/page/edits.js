// The corrections that a click on a button, a card or a key starts.

import { run } from "./messages.js";

const find = (id) => document.getElementById(id);

/** Return the corrections by name; `state` is what the page shows. */
export function makeEdits(state, viewer, corrector) {
  /** Start a correction; the page is shown anew when the server tells that it has ended. */
  function edit(body) {
    viewer.pause();
    return run(() => corrector.edit(body));
  }

  /** Correct the selected object on the frame that is shown. */
  function editHere(body) {
    const { object, frame } = corrector.getTarget();
    return object ? edit({ object: object.id, frame, ...body }) : null;
  }

  function chooseCandidate(candidate) {
    const owner = state.run.objects.find((each) => each.reference === candidate.reference);
    return edit({ action: "choose", candidate: candidate.index, object: owner?.id ?? candidate.reference });
  }

  function rename(object) {
    find("new-name").value = object.name;
    find("rename").returnValue = "";
    find("rename").showModal();
    find("rename").onclose = () => {
      if (find("rename").returnValue === "save") edit({ action: "name", object: object.id, name: find("new-name").value });
    };
  }

  function undo() {
    if (corrector.removeLast()) return null;
    return edit({ action: "undo" });
  }

  return { edit, editHere, chooseCandidate, rename, undo };
}
