// The page: what is open, the keys, and what the server tells.

import { getJson, listen, postJson, upload } from "./api.js";
import { Lanes } from "./lanes.js";
import { make, selectObject, showExports, showJob, showObjects, showVerdicts, showVideos } from "./panels.js";
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
const state = { videos: [], video: null, run: null, info: null, selected: 0, hidden: new Set(), job: null };
const KEYS = [
  ["Space", "play or pause"],
  ["← →", "one frame back or forward; with Shift ten"],
  ["Home End", "first or last frame"],
  ["[ ]", "previous or next flag"],
  ["1 … 9", "select an object"],
  ["H", "hide or show the selected object"],
  ["?", "this list"],
];

const viewer = new Viewer(find("canvas"), {
  onFrame: showFrame,
  getPoints: () => [],
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

function showFrame(frame) {
  const { info } = state;
  find("seek").value = frame;
  const seconds = info.times[frame];
  find("clock").textContent = `frame ${frame} of ${info.frames} · ${seconds.toFixed(2)} s`;
  find("seek").setAttribute("aria-valuetext", `frame ${frame}, ${seconds.toFixed(2)} seconds`);
  lanes.mark(frame);
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

async function openRun(id, videoId, frame = 0) {
  const found = await getJson(`runs/${id}`);
  const same = state.run?.id === id;
  const video = videoId ?? state.videos.find((each) => each.runs.some((run) => run.id === id))?.id;
  Object.assign(state, { video: { id: video }, run: found, info: found.video });
  if (!same) Object.assign(state, { selected: found.objects.length ? 1 : 0, hidden: new Set() });
  location.hash = `run=${id}`;
  showEverything();
  await viewer.open(`runs/${id}`, found.video, found.finished ? found : null, frame);
  applyMasks();
}

/** Read the open run again, and stay on the frame that is shown. */
async function reloadRun() {
  await openRun(state.run.id, state.video.id, viewer.frame);
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
  showObjects(find("objects"), open ?? { objects: [] }, { onSelect: select, onHide: toggleHidden, hidden: state.hidden });
  showExports(find("exports"), open);
  find("export").hidden = !open?.finished;
  markSelected();
}

function markSelected() {
  lanes.select(state.selected);
  selectObject(find("objects"), state.selected);
}

function select(number) {
  if (state.selected === number || !state.run?.objects.some((each) => each.number === number)) return;
  state.selected = number;
  markSelected();
  applyMasks();
}

function toggleHidden(number) {
  if (!state.hidden.delete(number)) state.hidden.add(number);
  showObjects(find("objects"), state.run, { onSelect: select, onHide: toggleHidden, hidden: state.hidden });
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

let messageTimer = 0;

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
    const body = { texts, sound: find("sound").checked, start: find("start").value, end: find("end").value };
    const [file] = find("spoken").files;
    if (file) Object.assign(body, await upload(file));
    const { forecast } = await postJson(`videos/${video.id}/forecast`, body);
    if (!forecast || (await confirmPrice(forecast))) await postJson(`videos/${video.id}/ask`, body);
  });
};

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
  "?": () => find("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const typing = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
  const pressing = key === " " && target.matches("button, summary, input");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || find("keys").open) return;
  const action = /^[1-9]$/.test(key) ? () => select(Number(key)) : ACTIONS[key.length === 1 ? key.toLowerCase() : key];
  if (!action || !state.info) return;
  event.preventDefault();
  action(event);
});

/** Open what the address names, else the newest run of the first video. */
async function openFirst() {
  const [kind, id] = location.hash.slice(1).split("=");
  const named = state.videos.find((video) => video.id === id || video.runs.some((each) => each.id === id));
  const video = named ?? state.videos[0];
  if (!video) return;
  const opened = named && kind === "run" ? id : video.runs.findLast((each) => each.finished)?.id;
  if (opened && !(named && kind === "video")) await openRun(opened, video.id);
  else await openVideo(video.id);
}

let started = false;

listen(
  {
    videos: (videos) => {
      state.videos = videos;
      if (started) showList();
      else run(openFirst);
      started = true;
    },
    settings: (settings) => {
      state.settings = settings;
      find("spoken-field").hidden = !settings.uploads;
      showFormats(settings.formats);
    },
    job: (job) => {
      const before = state.job;
      state.job = job;
      showJob({ text: find("job"), progress: find("progress"), cancel: find("cancel") }, job);
      if (job?.state === "done" && before && before.state !== "done" && job.outcome?.run) {
        run(() => openRun(job.outcome.run, undefined, job.outcome.frame ?? 0));
      }
      if (job?.kind === "export" && job.state === "done" && job.run === state.run?.id) run(reloadRun);
    },
  },
  (isThere) => {
    find("connection").textContent = isThere ? "" : "The server does not answer. Start it again; nothing is lost.";
    document.body.classList.toggle("lost", !isThere);
  },
);
