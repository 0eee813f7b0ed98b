// The bar at the bottom: what the worker does, and what the page reads again when it has ended.

import { run } from "./messages.js";

// What the components of each slot do.
const STAGES = {
  unifier: "reads the words",
  tagger: "names the sounds",
  transcriber: "writes down what is said",
  locator: "finds when it is heard",
  temporal: "chooses frames",
  proposer: "finds candidates",
  spatial: "chooses candidates",
  propagator: "propagates",
  tracker: "tracks",
  selector: "chooses tracks",
  reviewer: "reviews",
};
const DONE_MILLISECONDS = 6000; // how long it is told that a job has ended well
const find = (id) => document.getElementById(id);

/** Return what to do with the news of a job: `openRun(id, video, frame)` and `reloadRun()` read a run. */
export function makeJobFollower(state, corrector, openRun, reloadRun) {
  let footerTimer = 0;
  return (job) => {
    const before = state.job;
    state.job = job;
    const old = before === undefined && job?.state === "done"; // ended before this page was opened
    find("footer").hidden = !job || old;
    clearTimeout(footerTimer);
    if (job?.state === "done") footerTimer = setTimeout(() => (find("footer").hidden = true), DONE_MILLISECONDS);
    if (!old) showJob(job);
    if (job?.state === "done" && before && before.state !== "done" && job.outcome?.run) {
      run(() => openRun(job.outcome.run, undefined, job.outcome.frame ?? 0));
    }
    const hasEnded = job && !["waiting", "running"].includes(job.state);
    if (hasEnded && before && ["export", "edit"].includes(job.kind) && job.run === state.run?.id) {
      run(reloadRun).then(() => corrector.finish(job));
    }
  };
}

/** Show how far the job is. */
function showJob(job) {
  const [text, progress, cancel] = ["job", "progress", "cancel"].map(find);
  const active = job && ["waiting", "running"].includes(job.state);
  text.textContent = describeJob(job);
  text.className = job?.state ?? "";
  progress.hidden = !active;
  cancel.hidden = !active;
  if (active && job.total) Object.assign(progress, { max: job.total, value: job.done });
  else progress.removeAttribute("value");
}

function describeJob(job) {
  if (!job) return "";
  if (job.state === "waiting") return `${job.title}: waiting`;
  if (job.state === "running") return `${job.title}: ${describeStage(job)}${job.total ? ` ${job.done} of ${job.total}` : ""}`;
  if (job.state === "failed") return `${job.title}: ${job.message}`;
  return `${job.title}: ${job.state === "done" ? "done" : "cancelled; what was done is kept"}`;
}

/** Return which component works and what it does, or what the job says of itself. */
function describeStage({ stage, component }) {
  return component && STAGES[stage] ? `${component} ${STAGES[stage]}` : stage;
}
