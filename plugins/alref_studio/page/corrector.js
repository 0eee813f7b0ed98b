// Corrections: points on a frame with a live mask, and what the server then computes.

import { postJson } from "./api.js";

const PREPARE_MILLISECONDS = 150; // how long a frame is shown under the pointer before the models look at it

export class Corrector {
  /** `getTarget()` returns the open run, the selected object and the frame that is shown. */
  constructor(viewer, { getTarget, onPoints, onError }) {
    Object.assign(this, { viewer, getTarget, onPoints, onError });
    this.points = new Map();
    this.jobs = new Map();
    this.busy = false;
    this.again = false;
    this.crosshair = null;
  }

  /** Take another run with the points that were set before the page was closed, or the next revision with those that are set. */
  open(run) {
    const isSame = this.run?.id === run.id;
    this.run = run;
    this.crosshair = null;
    const stored = isSame ? null : sessionStorage.getItem(this.getKey());
    if (!isSame) this.points = new Map(stored ? JSON.parse(stored) : []);
    this.store();
    this.onPoints();
  }

  store() {
    sessionStorage.setItem(this.getKey(), JSON.stringify([...this.points]));
  }

  /** Let the models look at the frame that is shown for a moment, so that a click on it is answered soon. */
  prepare() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { run, frame } = this.getTarget();
      const place = `${run?.id} ${frame}`;
      if (!run?.finished || this.viewer.playing || this.prepared === place) return;
      this.prepared = place;
      postJson(`runs/${run.id}/prepare`, { frame }).catch(this.onError);
    }, PREPARE_MILLISECONDS);
  }

  /** Show the masks of the points that are set. */
  previewAll() {
    for (const key of this.points.keys()) {
      const [frame, number] = key.split(" ").map(Number);
      const object = this.run.objects.find((each) => each.number === number);
      if (object) this.preview(object, frame);
    }
  }

  getKey() {
    return `points ${this.run.id} ${this.run.revision}`;
  }

  /** Return the points of the selected object on a frame, and the crosshair of the keyboard. */
  getPoints(frame) {
    const { object } = this.getTarget();
    return object ? (this.points.get(`${frame} ${object.number}`) ?? []) : [];
  }

  /** Return the frames of an object that have points, in order. */
  listFrames(object) {
    const keys = [...this.points.entries()].filter(([, points]) => points.length).map(([key]) => key.split(" ").map(Number));
    const own = keys.filter(([, number]) => number === object?.number).map(([frame]) => frame);
    return own.sort((one, other) => one - other);
  }

  /** Return what the points of the selected object are, or what a click does. */
  describePoints() {
    const { object, frame } = this.getTarget();
    if (!object) return "";
    const frames = this.listFrames(object);
    if (!frames.length) {
      return `Click where ${object.name} is missing; with the right button, or "not on it", where the mask is too large`;
    }
    const here = this.getPoints(frame).length;
    const others = frames.filter((each) => each !== frame);
    const elsewhere = others.length ? `, more on frame ${others.join(", ")}` : "";
    const isEmpty = here && this.viewer.masks?.overrides.get(`${frame} ${object.number}`) === "";
    const empty = isEmpty ? `; nothing of ${object.name} is left on this frame` : "";
    return `${here} ${here === 1 ? "point" : "points"} here${elsewhere}${empty}; Re-propagate computes the other frames`;
  }

  add(x, y, positive) {
    const { object, frame } = this.getTarget();
    if (!object) return;
    this.set(object, frame, [...this.getPoints(frame), { x, y, positive }]);
  }

  removeLast() {
    const { object, frame } = this.getTarget();
    const points = this.getPoints(frame);
    if (!object || !points.length) return false;
    this.set(object, frame, points.slice(0, -1));
    return true;
  }

  clear() {
    const { object, frame } = this.getTarget();
    if (object) this.set(object, frame, []);
  }

  set(object, frame, points) {
    const key = `${frame} ${object.number}`;
    if (points.length) this.points.set(key, points);
    else this.points.delete(key);
    this.store();
    this.onPoints();
    this.viewer.refresh();
    this.preview(object, frame);
  }

  /** Show the mask that the points give; while one is computed, only the newest one waits. */
  async preview(object, frame) {
    if (this.busy) {
      this.again = [object, frame];
      return;
    }
    const { run, viewer } = this;
    const points = this.points.get(`${frame} ${object.number}`) ?? [];
    if (!points.length) {
      viewer.masks?.setOverride(frame, object.number, null);
      viewer.refresh();
      return;
    }
    this.busy = true;
    try {
      const body = { object: object.id, frame, ...splitPoints(points) };
      const { counts } = await postJson(`runs/${run.id}/preview`, body);
      const unchanged = (this.points.get(`${frame} ${object.number}`) ?? []) === points;
      if (this.run === run && unchanged) {
        viewer.masks?.setOverride(frame, object.number, counts);
        viewer.canvas.dataset.preview = `${frame} ${object.number} ${points.length}`;
        this.onPoints();
        viewer.refresh();
      }
    } catch (error) {
      this.onError(error);
    } finally {
      this.busy = false;
      const next = this.again;
      this.again = false;
      if (next) this.preview(...next);
    }
  }

  /** Propagate the selected object again from all frames that have points of it. */
  async propagate() {
    const { object } = this.getTarget();
    const frames = this.listFrames(object);
    if (!frames.length) throw new Error("click on the object first, or beside it with the right button");
    const { run } = this;
    const all = frames.map((frame) => [frame, this.points.get(`${frame} ${object.number}`)]);
    for (const [frame, points] of all) {
      this.points.delete(`${frame} ${object.number}`); // the correction has them
      const body = { action: "prompt", object: object.id, frame, ...splitPoints(points) };
      const job = await this.edit(body, run).catch((error) => ({ state: "failed", error }));
      if (job.state === "failed" && this.run.id === run.id) this.set(object, frame, points);
      if (job.error) throw job.error;
      if (job.state !== "done") return;
    }
  }

  /** Start a correction, and return its job when it has ended. */
  async edit(body, run = this.run) {
    const { number } = await postJson(`runs/${run.id}/edit`, body);
    return new Promise((resolve) => this.jobs.set(number, resolve));
  }

  /** Hear of a job from the server. */
  finish(job) {
    if (["waiting", "running"].includes(job.state)) return;
    this.jobs.get(job.number)?.(job);
    this.jobs.delete(job.number);
  }
}

function splitPoints(points) {
  return { points: points.map(({ x, y }) => [x, y]), labels: points.map(({ positive }) => positive) };
}
