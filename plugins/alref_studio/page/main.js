// The page: what is open, the keys, and what the server tells.

import { getJson, listen, postJson, upload } from "./api.js";
import { Corrector } from "./corrector.js";
import { Lanes } from "./lanes.js";
import {
  make,
  selectObject,
  showCandidates,
  showExports,
  showHistory,
  showJob,
  showObjects,
  showVerdicts,
  showFaults,
  showVideos,
} from "./panels.js";
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
const state = { videos: [], video: null, run: null, info: null, selected: 0, hidden: new Set(), job: undefined };
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

const viewer = new Viewer(find("canvas"), {
  onFrame: showFrame,
  getPoints: (frame) => (state.run?.finished ? corrector.getPoints(frame) : []),
  getCrosshair: () => corrector.crosshair,
  onPlaying: (playing) => {
    const [sign, word] = playing ? ["❚❚", "Pause"] : ["▶", "Play"];
    find("play").replaceChildren(
      make("span", { "aria-hidden": "true" }, sign),
      make("span", { className: "hidden" }, word),
    );
  },
});
const lanes = new Lanes(find("objects-lanes"), {
  onSeek: (frame, number) => {
    viewer.pause();
    select(number);
    viewer.show(frame);
  },
  onSelect: select,
});

const corrector = new Corrector(viewer, {
  getTarget: () => ({
    run: state.run,
    object: state.run?.objects.find((each) => each.number === state.selected),
    frame: viewer.frame,
  }),
  onPoints: showHint,
  onError: (error) => say(error.message, true),
});

/** Say what the points are for. */
function showHint() {
  const { object, frame } = corrector.getTarget();
  const frames = corrector.listFrames(object);
  find("propagate").disabled = !frames.length;
  const here = corrector.getPoints(frame).length;
  const points = `${here} ${here === 1 ? "point" : "points"}`;
  const nothing = here && viewer.masks?.overrides.get(`${frame} ${object.number}`) === "";
  const empty = nothing ? `; nothing of ${object.name} is left on this frame` : "";
  const elsewhere = frames.filter((each) => each !== frame);
  const others = elsewhere.length ? `, more on frame ${elsewhere.join(", ")}` : "";
  find("hint").textContent = frames.length ? `${points} here${others}${empty}` : object ? describeClicks(object) : "";
}

function describeClicks(object) {
  return `Click where ${object.name} is missing; with the right button, or "not on it", where the mask is too large`;
}

function showFrame(frame) {
  const { info } = state;
  find("seek").value = frame;
  const seconds = info.times[frame];
  find("clock").textContent = `frame ${frame} of 0–${info.frames - 1} · ${seconds.toFixed(2)} s`;
  find("seek").setAttribute("aria-valuetext", `frame ${frame}, ${seconds.toFixed(2)} seconds`);
  lanes.mark(frame);
  if (state.run?.finished) showHint();
  const present = (state.run?.objects ?? []).filter((each) => each.present.some(([a, b]) => a <= frame && frame <= b));
  const names = present.map((each) => each.name).join(", ");
  find("canvas").setAttribute("aria-label", `Frame ${frame}${names ? `: ${names}` : ""}`);
}

function showList() {
  const current = { video: state.video?.id, run: state.run?.id };
  showVideos(find("videos"), state.videos, current, {
    onVideo: (video) => run(() => openVideo(video.id)),
    onRun: (each, video) => run(() => openRun(each.id, video.id)),
  });
}

async function openVideo(id) {
  const info = await getJson(`videos/${id}`);
  Object.assign(state, { video: { id }, run: null, info, selected: 0, hidden: new Set() });
  location.hash = `video=${id}`;
  showEverything();
  await viewer.open(`videos/${id}`, info, null, 0);
}

/** Return the id of the video of a run. */
function findVideo(runId) {
  return state.videos.find((video) => video.runs.some((each) => each.id === runId))?.id;
}

async function openRun(id, videoId, frame = 0) {
  const found = await getJson(`runs/${id}`);
  const same = state.run?.id === id;
  const video = videoId ?? findVideo(id);
  Object.assign(state, { video: { id: video }, run: found, info: found.video });
  if (!same) Object.assign(state, { selected: found.objects.length ? 1 : 0, hidden: new Set() });
  location.hash = `run=${id}`;
  if (found.finished) corrector.open(found);
  showEverything();
  await viewer.open(`runs/${id}`, found.video, found.finished ? found : null, same ? viewer.wanted : frame);
  if (state.run !== found) return;
  applyMasks();
  if (found.finished) corrector.previewAll();
}

/** Read the open run again, and stay on the frame that is shown. */
async function reloadRun() {
  await openRun(state.run.id, state.video.id);
}

function showEverything() {
  const { info, run: open } = state;
  showList();
  find("empty").hidden = Boolean(info);
  find("seek").max = Math.max(0, (info?.frames ?? 1) - 1);
  lanes.show(open?.objects ?? [], info?.frames ?? 0);
  find("verdict-title").textContent = open ? open.title : "Objects";
  showVerdicts(find("verdicts"), open ?? { references: [], warnings: [] });
  if (open && !open.finished) {
    const resume = make("button", { className: "primary" }, "Resume");
    resume.onclick = () => run(() => postJson(`runs/${open.id}/resume`));
    find("verdicts").append(resume);
  }
  const flagged = open?.objects.some((each) => each.flags.length);
  for (const id of ["previous-flag", "next-flag"]) find(id).disabled = !flagged;
  showCards();
  showExports(find("exports"), open);
  const finished = Boolean(open?.finished);
  for (const id of ["export", "correct", "add", "revisions"]) find(id).hidden = !finished;
  find("candidates").hidden = !open?.candidates?.length;
  find("views").hidden = !finished || open.views_are_current;
  if (finished) {
    showCandidates(find("candidate-list"), open, chooseCandidate);
    const names = new Map(open.objects.map((each) => [each.id, each.name]));
    showHistory(find("history"), open, names, (revision) => edit({ action: "restore", revision }));
    find("undo").disabled = !open.history.some((line) => line.active);
    if (open.history.length > open.revision) {
      const resume = make("button", { className: "primary" }, "Complete the interrupted correction");
      resume.onclick = () => edit({ action: "resume" });
      find("verdicts").append(resume);
    }
  }
  markSelected();
}

function showCards() {
  showObjects(find("objects"), state.run ?? { objects: [] }, {
    onSelect: select,
    onHide: toggleHidden,
    onRename: rename,
    onRemove: (object) => edit({ action: "remove", object: object.id }),
    hidden: state.hidden,
  });
}

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

function markSelected() {
  lanes.select(state.selected);
  selectObject(find("objects"), state.selected);
}

function select(number) {
  if (state.selected === number || !state.run?.objects.some((each) => each.number === number)) return;
  state.selected = number;
  markSelected();
  showHint();
  applyMasks();
}

function toggleHidden(number) {
  if (!state.hidden.delete(number)) state.hidden.add(number);
  showCards();
  markSelected();
  applyMasks();
}

/** Paint the masks anew, as they are selected and hidden now. */
function applyMasks() {
  const { masks } = viewer;
  if (!masks) return;
  masks.selected = state.run.objects.length > 1 ? state.selected : 0;
  masks.hidden = state.hidden;
  masks.repaint();
  viewer.refresh();
}

/** Go to the nearest flag of any object before or after the frame that is shown. */
function goToFlag(direction) {
  const flags = (state.run?.objects ?? []).flatMap((each) => each.flags.map(({ frame }) => ({ frame, number: each.number })));
  const ahead = flags.filter(({ frame }) => (frame - viewer.wanted) * direction > 0);
  ahead.sort((one, other) => (one.frame - other.frame) * direction);
  if (!ahead.length) return say("no further flag");
  viewer.pause();
  select(ahead[0].number);
  return viewer.show(ahead[0].frame);
}

const DONE_MILLISECONDS = 6000; // how long it is told that a job has ended well
let messageTimer = 0;
let footerTimer = 0;

function say(text, isError = false) {
  const box = find("message");
  box.textContent = text;
  box.className = isError ? "error" : "";
  box.hidden = false;
  clearTimeout(messageTimer);
  if (!isError) messageTimer = setTimeout(() => (box.hidden = true), 4000);
}

/** Do something that may fail, and say why it did. */
async function run(action) {
  try {
    find("message").hidden = true;
    return await action();
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

find("ask").onsubmit = (event) => {
  event.preventDefault();
  run(async () => {
    const video = state.video ?? state.videos[0];
    if (!video) throw new Error("no video is open");
    const texts = find("words").value.split(";");
    if (event.submitter === find("add")) return addObjects(texts);
    const body = { texts, sound: find("sound").checked, start: find("start").value, end: find("end").value };
    const [file] = find("spoken").files;
    if (file) Object.assign(body, await upload(file));
    const { forecast } = await postJson(`videos/${video.id}/forecast`, body);
    if (!forecast || (await confirmPrice(forecast))) await postJson(`videos/${video.id}/ask`, body);
    return null;
  });
};

/** Find more objects in the video of the open run; its other objects stay as they are. */
async function addObjects(texts) {
  const wanted = texts.map((text) => text.trim()).filter(Boolean);
  if (!wanted.length) throw new Error("type what to add, for example: the second dog");
  const { forecast } = await postJson(`videos/${state.video.id}/forecast`, { texts: wanted });
  if (forecast && !(await confirmPrice(forecast))) return;
  for (const text of wanted) await corrector.edit({ action: "add", text });
}

function confirmPrice(forecast) {
  find("price-text").textContent = forecast;
  find("price").returnValue = "";
  find("price").showModal();
  return new Promise((resolve) => {
    find("price").onclose = () => resolve(find("price").returnValue === "start");
  });
}

find("export").onsubmit = (event) => {
  event.preventDefault();
  run(() => postJson(`runs/${state.run.id}/export`, { format: find("format").value }));
};
find("format").onchange = showFormat;

function showFormats(formats) {
  const options = formats.map(({ name, problem }) => make("option", { value: name, disabled: Boolean(problem) }, name));
  const before = find("format").value;
  find("format").replaceChildren(...options);
  if (before) find("format").value = before;
  showFormat();
}

function showFormat() {
  const chosen = state.settings?.formats.find(({ name }) => name === find("format").value);
  find("format-summary").textContent = chosen?.summary ?? "";
}
find("cancel").onclick = () => run(() => postJson("cancel"));
find("play").onclick = () => viewer.toggle();
find("step").onclick = () => viewer.step(1);
find("step-back").onclick = () => viewer.step(-1);
find("next-flag").onclick = () => goToFlag(1);
find("previous-flag").onclick = () => goToFlag(-1);
find("absent").onclick = () => editHere({ action: "prompt", absent: true });
find("confirm").onclick = () => editHere({ action: "confirm" });
find("propagate").onclick = () => run(() => corrector.propagate());
find("undo").onclick = undo;
find("views").onclick = () => edit({ action: "views" });
find("canvas").onclick = (event) => addPoint(event, document.querySelector("[name=sign]:checked").value === "on");
find("canvas").onpointerenter = () => state.run?.finished && corrector.prepare();
find("canvas").oncontextmenu = (event) => {
  event.preventDefault();
  addPoint(event, false);
};

function addPoint(event, positive) {
  if (!state.run?.finished) return;
  viewer.pause();
  const { x, y } = viewer.locate(event);
  corrector.add(x, y, positive);
}

/** Move a crosshair with the arrows, and set points with Enter; return whether the key was one of these. */
function useCrosshair(event) {
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

find("seek").oninput = (event) => {
  viewer.pause();
  viewer.show(Number(event.target.value));
};
find("help").onclick = () => find("keys").showModal();
find("key-list").replaceChildren(
  ...KEYS.flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]),
);

const ACTIONS = {
  " ": () => viewer.toggle(),
  ArrowRight: (event) => viewer.step(event.shiftKey ? 10 : 1),
  ArrowLeft: (event) => viewer.step(event.shiftKey ? -10 : -1),
  Home: () => viewer.show(0),
  End: () => viewer.show(state.info.frames - 1),
  "[": () => goToFlag(-1),
  "]": () => goToFlag(1),
  h: () => state.selected && toggleHidden(state.selected),
  a: () => state.run?.finished && find("absent").click(),
  c: () => state.run?.finished && find("confirm").click(),
  p: () => state.run?.finished && find("propagate").click(),
  z: () => state.run?.finished && undo(),
  Backspace: () => corrector.removeLast(),
  "?": () => find("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const typing = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
  const pressing = key === " " && target.matches("button, summary, input");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
  if (state.info && !target.matches("button, summary, input, a") && useCrosshair(event)) {
    event.preventDefault();
    return;
  }
  const action = /^[1-9]$/.test(key) ? () => select(Number(key)) : ACTIONS[key.length === 1 ? key.toLowerCase() : key];
  if (!action || !state.info) return;
  event.preventDefault();
  action(event);
});

/** Open what the address names at once; without it, the newest run of the first video when the list is there. */
function openNamed() {
  const [kind, id] = location.hash.slice(1).split("=");
  if (!id) return false;
  run(() => (kind === "run" ? openRun(id) : openVideo(id)));
  return true;
}

function openNewest() {
  const [video] = state.videos;
  if (!video) return null;
  const newest = video.runs.findLast((each) => each.finished)?.id;
  return run(() => (newest ? openRun(newest, video.id) : openVideo(video.id)));
}

let started = openNamed();

listen(
  {
    videos: (videos) => {
      state.videos = videos;
      if (state.run) state.video = { id: findVideo(state.run.id) };
      if (started) showList();
      else openNewest();
      started = true;
    },
    faults: (faults) => {
      find("faults").hidden = !faults.length;
      showFaults(find("fault-list"), faults);
    },
    settings: (settings) => {
      state.settings = settings;
      find("spoken-field").hidden = !settings.uploads;
      showFormats(settings.formats);
    },
    job: (job) => {
      const before = state.job;
      state.job = job;
      const old = before === undefined && job?.state === "done"; // ended before this page was opened
      find("footer").hidden = !job || old;
      clearTimeout(footerTimer);
      if (job?.state === "done") footerTimer = setTimeout(() => (find("footer").hidden = true), DONE_MILLISECONDS);
      if (!old) showJob({ text: find("job"), progress: find("progress"), cancel: find("cancel") }, job);
      if (job?.state === "done" && before && before.state !== "done" && job.outcome?.run) {
        run(() => openRun(job.outcome.run, undefined, job.outcome.frame ?? 0));
      }
      const hasEnded = job && !["waiting", "running"].includes(job.state);
      if (hasEnded && before && ["export", "edit"].includes(job.kind) && job.run === state.run?.id) {
        run(reloadRun).then(() => corrector.finish(job));
      }
    },
  },
  (isThere) => {
    if (!isThere) find("footer").hidden = false;
    find("connection").textContent = isThere ? "" : "The server does not answer. Start it again; nothing is lost.";
    document.body.classList.toggle("lost", !isThere);
  },
);
