// The page: what is open, what is shown of it, and what the server tells.

import { getJson, listen, postJson } from "./api.js";
import { listenToForm } from "./asking.js";
import { listenToControls } from "./controls.js";
import { Corrector } from "./corrector.js";
import { makeEdits } from "./edits.js";
import { listenToExport, showFormats } from "./exporting.js";
import { makeJobFollower } from "./jobs.js";
import { Lanes } from "./lanes.js";
import { run, say } from "./messages.js";
import {
  make, selectObject, showCandidates, showExports, showFaults, showHistory, showObjects, showVerdicts, showVideos,
} from "./panels.js";
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
const state = { videos: [], video: null, run: null, info: null, selected: 0, hidden: new Set(), job: undefined };
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

const { edit, editHere, chooseCandidate, rename, undo } = makeEdits(state, viewer, corrector);

/** Say what the points are for. */
function showHint() {
  const { object } = corrector.getTarget();
  find("propagate").disabled = !corrector.listFrames(object).length;
  find("hint").textContent = corrector.describePoints();
}

function showFrame(frame) {
  const { info } = state;
  find("seek").value = frame;
  const seconds = info.times[frame];
  find("clock").textContent = `frame ${frame} of 0–${info.frames - 1} · ${seconds.toFixed(2)} s`;
  find("seek").setAttribute("aria-valuetext", `frame ${frame}, ${seconds.toFixed(2)} seconds`);
  lanes.mark(frame);
  if (state.run?.finished) showHint();
  if (find("canvas").matches(":hover")) corrector.prepare();
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
  const opening = (state.opening = {});
  const info = await getJson(`videos/${id}`);
  if (state.opening !== opening) return;
  Object.assign(state, { video: { id }, run: null, info, selected: 0, hidden: new Set() });
  location.hash = `video=${id}`;
  showEverything();
  await viewer.open(`videos/${id}`, info, null, 0);
}

/** Return the id of the video of a run. */
function findVideo(runId) {
  return state.videos.find((video) => video.runs.some((each) => each.id === runId))?.id;
}

/** Open a run: first a frame of its video, since reading a long result takes time, then what the run found. */
async function openRun(id, videoId, frame = 0) {
  const isNew = state.run?.id !== id;
  const opening = (state.opening = {});
  if (isNew) {
    const info = await getJson(`runs/${id}/video`);
    if (state.opening !== opening) return;
    Object.assign(state, { video: { id: videoId ?? findVideo(id) }, run: null, info, selected: 0, hidden: new Set() });
    location.hash = `run=${id}`;
    showEverything();
    find("verdict-title").textContent = "Reading the result";
    await viewer.open(`runs/${id}`, info, null, frame, false);
  }
  const found = await getJson(`runs/${id}`).finally(() => (find("verdict-title").textContent = "Objects"));
  if (state.opening !== opening) return;
  Object.assign(state, { video: { id: videoId ?? findVideo(id) }, run: found, info: found.video });
  if (isNew) state.selected = found.objects.length ? 1 : 0;
  if (found.finished) corrector.open(found);
  showEverything();
  showMasks();
  await viewer.open(`runs/${id}`, found.video, found.finished ? found : null, viewer.wanted);
  if (state.run === found && found.finished) corrector.previewAll();
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

function markSelected() {
  lanes.select(state.selected);
  selectObject(find("objects"), state.selected);
}

function select(number) {
  if (state.selected === number || !state.run?.objects.some((each) => each.number === number)) return;
  state.selected = number;
  markSelected();
  showHint();
  showMasks();
}

function toggleHidden(number) {
  if (!state.hidden.delete(number)) state.hidden.add(number);
  showCards();
  markSelected();
  showMasks();
}

/** Paint the masks as they are selected and hidden now. */
function showMasks() {
  viewer.select(state.run.objects.length > 1 ? state.selected : 0, state.hidden);
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

listenToForm(state, corrector);
listenToExport(state);
listenToControls(state, viewer, corrector, { select, toggleHidden, goToFlag, undo, edit, editHere });
let started = openNamed();

const followJob = makeJobFollower(state, corrector, openRun, reloadRun);
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
    job: followJob,
  },
  (isThere) => {
    if (!isThere) find("footer").hidden = false;
    find("connection").textContent = isThere ? "" : "The server does not answer. Start it again; nothing is lost.";
    document.body.classList.toggle("lost", !isThere);
  },
);
