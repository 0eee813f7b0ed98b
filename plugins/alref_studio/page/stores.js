// Frames and painted masks by frame number, fetched ahead in the direction of play.

import { getJson } from "./api.js";

const MAX_IMAGES = 60;
const FRAMES_AHEAD = 24;
const PARALLEL = 4;
const MASKS_AT_ONCE = 32;

// One worker paints the masks of all stores. It starts with the page, so that the first mask does not wait for it.
const painter = new Worker("page/painter.js", { type: "module" });
const painted = new Map();
let paintings = 0;
painter.onmessage = ({ data }) => {
  painted.get(data.id)(data.image);
  painted.delete(data.id);
};

/** Return the ImageBitmap of masks, painted by the worker. */
function paintMasks(message) {
  const id = ++paintings;
  painter.postMessage({ id, ...message });
  return new Promise((resolve) => painted.set(id, resolve));
}

/** A bounded map of ImageBitmaps; those farthest from the frame that is shown are dropped first. */
class ImageRing {
  constructor() {
    this.images = new Map();
  }

  get(frame) {
    return this.images.get(frame);
  }

  set(frame, image, center) {
    this.images.get(frame)?.close();
    this.images.set(frame, image);
    while (this.images.size > MAX_IMAGES) {
      let farthest = frame;
      for (const each of this.images.keys()) {
        if (Math.abs(each - center) > Math.abs(farthest - center)) farthest = each;
      }
      this.images.get(farthest).close();
      this.images.delete(farthest);
    }
  }

  delete(frame) {
    this.images.get(frame)?.close();
    this.images.delete(frame);
  }

  clear() {
    for (const image of this.images.values()) image.close();
    this.images.clear();
  }
}

/** The frames of one video as ImageBitmaps of `width` pixels. */
export class FrameStore {
  constructor(base, video, width) {
    Object.assign(this, { base, width, count: video.frames, version: video.version });
    this.ring = new ImageRing();
    this.pending = new Map();
    this.center = 0;
    this.closed = new AbortController();
  }

  /** Return the image of a frame, from memory if it is there. */
  get(frame) {
    return this.ring.get(frame);
  }

  /** Fetch a frame; `get` then has it. */
  load(frame) {
    if (this.ring.get(frame)) return Promise.resolve();
    if (!this.pending.has(frame)) {
      this.pending.set(frame, this.fetchImage(frame).finally(() => this.pending.delete(frame)));
    }
    return this.pending.get(frame);
  }

  async fetchImage(frame) {
    const address = `${this.base}/frames/${frame}?w=${this.width}&v=${this.version}`;
    const response = await fetch(address, { signal: this.closed.signal });
    if (!response.ok) throw new Error((await response.json()).error ?? `frame ${frame} cannot be read`);
    const image = await createImageBitmap(await response.blob());
    if (this.closed.signal.aborted) image.close();
    else this.ring.set(frame, image, this.center);
  }

  /** Fetch the frames that come next in `direction`, a few at a time. */
  prefetch(center, direction = 1) {
    this.center = center;
    for (let step = 1; step <= FRAMES_AHEAD && this.pending.size < PARALLEL; step++) {
      const frame = center + step * direction;
      if (frame < 0 || frame >= this.count) break;
      if (!this.ring.get(frame) && !this.pending.has(frame)) {
        this.load(frame).then(() => this.prefetch(this.center, direction), () => {});
      }
    }
  }

  close() {
    this.closed.abort();
    this.ring.clear();
  }
}

/** The masks of one run, painted by a worker at the size of the canvas. */
export class MaskStore {
  /** `selected` is the number of the object that is painted stronger, `hidden` a set of those that are not painted. */
  constructor(run, width, height, { selected, hidden }) {
    Object.assign(this, { run, width, height, selected, hidden, rows: run.video.height, columns: run.video.width });
    this.ring = new ImageRing();
    this.chunks = new Map();
    this.first = null;
    this.pending = new Map();
    this.overrides = new Map();
    this.center = 0;
    this.number = 0;
  }

  get(frame) {
    return this.ring.get(frame);
  }

  /** Return the run-length counts of an object on a frame, empty where it is absent. */
  async loadCounts(frame, number) {
    const override = this.overrides.get(`${frame} ${number}`);
    if (override !== undefined) return override;
    const chunk = await this.loadChunk(frame);
    return chunk.counts[number]?.[frame - chunk.first] ?? "";
  }

  /** Fetch the masks of a frame and of those around it; of the first frame that is shown, only its own. */
  loadChunk(frame) {
    this.first ??= { frame, chunk: this.fetchMasks(frame, frame) };
    if (frame === this.first.frame) return this.first.chunk;
    const first = frame - (frame % MASKS_AT_ONCE);
    if (!this.chunks.has(first)) {
      const loaded = this.fetchMasks(first, first + MASKS_AT_ONCE - 1);
      loaded.catch(() => this.chunks.delete(first));
      this.chunks.set(first, loaded);
    }
    return this.chunks.get(first);
  }

  async fetchMasks(from, to) {
    try {
      return await getJson(`runs/${this.run.id}/masks?from=${from}&to=${to}`);
    } catch (error) {
      this.first = null;
      throw error;
    }
  }

  /** Paint the masks of a frame; `get` then has them. */
  load(frame) {
    if (this.ring.get(frame)) return Promise.resolve();
    if (!this.pending.has(frame)) {
      this.pending.set(frame, this.paint(frame).finally(() => this.pending.delete(frame)));
    }
    return this.pending.get(frame);
  }

  async paint(frame) {
    const state = this.number;
    const shown = this.run.objects.filter((each) => !this.hidden.has(each.number));
    shown.sort((one, other) => one.layer - other.layer);
    const counts = await Promise.all(shown.map((each) => this.loadCounts(frame, each.number)));
    const masks = shown
      .map((each, index) => ({ counts: counts[index], color: each.color, selected: each.number === this.selected }))
      .filter((mask) => mask.counts);
    const { rows, columns, width, height } = this;
    const image = await paintMasks({ masks, rows, columns, width, height });
    if (state === this.number) this.ring.set(frame, image, this.center);
    else image.close();
  }

  /** Paint what comes next. */
  prefetch(center, direction = 1, count = 8) {
    this.center = center;
    for (let step = 1; step <= count && this.pending.size < 2; step++) {
      const frame = center + step * direction;
      if (frame < 0 || frame >= this.run.video.frames) break;
      if (!this.ring.get(frame) && !this.pending.has(frame)) {
        this.load(frame).then(() => this.prefetch(this.center, direction, count), () => {});
      }
    }
  }

  /** Show other counts for an object on a frame, a preview; null shows what is stored. */
  setOverride(frame, number, counts) {
    const key = `${frame} ${number}`;
    if (counts === null) this.overrides.delete(key);
    else this.overrides.set(key, counts);
    this.repaint();
  }

  /** Forget what is painted, after a change of what is shown. */
  repaint() {
    this.number += 1;
    this.pending.clear();
    this.ring.clear();
  }

  /** Drop the images; one that is still painted is closed when it is there. */
  close() {
    this.number += 1;
    this.ring.clear();
  }
}
