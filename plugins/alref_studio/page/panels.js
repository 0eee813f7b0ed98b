// The lists of videos and objects, the verdicts, and the job.

const FINDINGS = { found: "found", absent: "not in the video", silent: "silent", ambiguous: "ambiguous" };

/** Make an element: `make("p", { className: "why" }, "text", child)`. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Show the videos with their runs; `current` is the open run or video. */
export function showVideos(list, videos, current, { onVideo, onRun }) {
  const items = videos.map((video) => {
    const runs = video.runs.map((run) => {
      const state = run.finished ? "" : make("span", { className: "tag" }, "not finished");
      const button = make("button", { className: "run", title: run.folder }, run.title, state);
      if (run.id === current.run) button.setAttribute("aria-current", "true");
      button.onclick = () => onRun(run, video);
      return make("li", {}, button);
    });
    const button = make("button", { className: "video" }, video.name);
    if (video.id === current.video) button.setAttribute("aria-current", current.run ? "false" : "true");
    button.onclick = () => onVideo(video);
    return make("li", {}, button, runs.length ? make("ul", {}, ...runs) : "");
  });
  list.replaceChildren(...items);
}

/** Show the run folders that are left out of the list, and why. */
export function showFaults(list, faults) {
  const items = faults.map(({ folder, error }) =>
    make("li", {}, make("strong", {}, folder), make("p", { className: "facts" }, error)),
  );
  list.replaceChildren(...items);
}

/** Show the verdict of each reference. */
export function showVerdicts(box, run) {
  const verdicts = run.references.map(({ title, verdict }) => {
    if (!verdict) return make("p", { className: "verdict" }, make("strong", {}, title), " not finished");
    const finding = make("span", { className: `finding ${verdict.finding}` }, FINDINGS[verdict.finding]);
    return make("details", { className: "verdict" }, make("summary", {}, finding, " ", title), make("p", {}, verdict.why));
  });
  const warnings = run.warnings.map((text) => make("p", { className: "warning" }, text));
  box.replaceChildren(...verdicts, ...warnings);
}

/** Show the objects of a run as cards with a picture, where they are present, and why. */
export function showObjects(list, run, { onSelect, onHide, onRename, onRemove, hidden }) {
  const cards = run.objects.map((object) => {
    const image = make("img", {
      src: `runs/${run.id}/objects/${object.number}/thumbnail?v=${run.revision}`,
      alt: "",
      loading: "lazy",
    });
    const bar = make("span", { className: "presence", "aria-hidden": "true" });
    bar.style.background = drawPresence(object, run.video.frames);
    const name = make("span", { className: "title" }, `${object.number}  ${object.name}`);
    const facts = make("span", { className: "facts" }, `${object.frames} of ${run.video.frames} frames`);
    const flags = object.flags.length ? make("span", { className: "tag flag" }, `${object.flags.length} to check`) : "";
    const body = make("span", { className: "body" }, name, facts, flags, bar);
    const choose = make("button", { className: "choose", "aria-pressed": "false" }, image, body);
    choose.onclick = () => onSelect(object.number);
    const isHidden = hidden.has(object.number);
    const label = (word) => ({ className: "quiet", "aria-label": `${word} ${object.name}` });
    const hide = make("button", label(isHidden ? "Show" : "Hide"), isHidden ? "Show" : "Hide");
    hide.onclick = () => onHide(object.number);
    const rename = make("button", label("Rename"), "Rename");
    rename.onclick = () => onRename(object);
    const remove = make("button", label("Reject"), "Reject");
    remove.onclick = () => onRemove(object);
    remove.disabled = !object.frames;
    const why = object.why ? make("p", { className: "why" }, `${object.why} (${object.source})`) : "";
    const card = make("li", { className: "object" }, choose, make("div", { className: "row" }, hide, rename, remove), why);
    card.style.setProperty("--color", `rgb(${object.color})`);
    card.dataset.number = object.number;
    return card;
  });
  list.replaceChildren(...cards);
}

/** Show what else was found: tracks that were not accepted, and other boxes. */
export function showCandidates(list, run, onChoose) {
  const cards = run.candidates.map((candidate) => {
    const address = `runs/${run.id}/candidates/${candidate.index}/thumbnail?v=${run.revision}`;
    const image = make("img", { src: address, alt: "", loading: "lazy" });
    const what = candidate.is_track ? candidate.choice : `frame ${candidate.frame}`;
    const word = candidate.is_track ? "Accept" : "Use this";
    const name = `${candidate.title}, ${what}`;
    const bar = make("span", { className: "presence", "aria-hidden": "true" });
    bar.style.background = drawPresence({ present: candidate.present }, run.video.frames);
    const body = make(
      "span",
      { className: "body" },
      make("span", { className: "title" }, candidate.title),
      make("span", { className: "facts" }, `${what} · ${candidate.why}`),
      candidate.is_track ? bar : "",
    );
    const choose = make("button", { "aria-label": `${word}: ${name}` }, word);
    choose.onclick = () => onChoose(candidate);
    return make("li", { className: "candidate" }, image, body, choose);
  });
  list.replaceChildren(...cards);
}

const WORDS = {
  prompt: (line) => `${line.what} on frame ${line.frame}`,
  confirm: (line) => `frame ${line.frame} confirmed`,
  name: (line) => (line.what ? `named ${line.what}` : "name taken back"),
  remove: () => "rejected",
  add: (line) => `added ${line.what}`,
  restore: (line) => `back to revision ${line.restored}`,
  cancel: () => "cancelled; what was done is kept",
};

/** Show the corrections, newest first, each with a button that returns to it. */
export function showHistory(list, run, names, onRestore) {
  const first = { revision: 0, action: "run", active: true };
  const items = [first, ...run.history].map((line) => {
    const words = line.action === "run" ? "as the run found it" : WORDS[line.action](line);
    const object = names.get(line.object);
    const text = `${line.revision} · ${words}${object ? ` · ${object}` : ""}`;
    const restore = make("button", { className: "quiet", "aria-label": `Restore revision ${line.revision}` }, "Restore");
    restore.onclick = () => onRestore(line.revision);
    const isCurrent = line.revision === run.revision;
    const className = line.active ? "" : "undone";
    return make("li", { className }, make("span", {}, text), isCurrent ? make("span", { className: "tag" }, "now") : restore);
  });
  list.replaceChildren(...items.reverse());
}

/** Show the exports of a run, to download; a folder comes as a ZIP archive. */
export function showExports(list, run) {
  const links = (run?.exports ?? []).map(({ name, is_current: isCurrent }) => {
    const address = `runs/${run.id}/exports/${encodeURIComponent(name)}`;
    const age = isCurrent ? "" : make("span", { className: "facts" }, " without the last correction; export again");
    return make("li", {}, make("a", { href: address, download: "" }, `Download ${name}`), age);
  });
  list.replaceChildren(...links);
}

/** Mark the selected object. */
export function selectObject(list, number) {
  for (const card of list.children) {
    const chosen = Number(card.dataset.number) === number;
    card.classList.toggle("selected", chosen);
    card.querySelector(".choose").setAttribute("aria-pressed", String(chosen));
  }
}

function drawPresence(object, frames) {
  const stops = [];
  for (const [first, last] of object.present) {
    const [from, to] = [(100 * first) / frames, (100 * (last + 1)) / frames];
    stops.push(`transparent ${from}%`, `var(--color) ${from}%`, `var(--color) ${to}%`, `transparent ${to}%`);
  }
  return stops.length ? `linear-gradient(to right, ${stops.join(", ")})` : "none";
}
