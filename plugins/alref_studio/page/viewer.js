// The canvas: one frame with its masks and points, stepping and playing.

import { FrameStore, MaskStore } from "./stores.js";

const POINT_RADIUS = 8; // of a click, in pixels of the screen
const WIDTHS = [320, 480, 640, 960, 1280, 1600, 1920, 2560, 3840];

export class Viewer {
  /** `onFrame(frame)` is called after a frame is painted; `getPoints(frame)` returns the points to draw on it. */
  constructor(canvas, { onFrame, getPoints, getCrosshair, onPlaying }) {
    Object.assign(this, { canvas, onFrame, getPoints, getCrosshair, onPlaying });
    this.context = canvas.getContext("2d", { alpha: false });
    this.frame = 0;
    this.wanted = 0;
    this.playing = false;
    this.video = null;
    this.isWhole = true;
    this.selection = { selected: 0, hidden: new Set() };
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  /**
   * Show a video, with the masks of `run` if there are any. `base` is the address of its frames; `isWhole` is false while the
   * run is still read, so that its masks follow.
   */
  open(base, video, run, frame = 0, isWhole = true) {
    this.pause();
    const same = this.base === base && this.video?.version === video.version;
    this.frames = same ? this.frames : (this.frames?.close(), null);
    this.masks?.close();
    this.masks = null;
    Object.assign(this, { base, video, run, isWhole });
    if (!isWhole) delete this.canvas.dataset.painted;
    this.canvas.parentElement.style.setProperty("--ratio", `${video.width} / ${video.height}`);
    this.resize(true);
    return this.show(Math.min(frame, video.frames - 1));
  }

  /** Paint the selected object stronger, and leave out those that are hidden. */
  select(selected, hidden) {
    this.selection = { selected, hidden };
    if (!this.masks) return;
    Object.assign(this.masks, this.selection);
    this.masks.repaint();
    this.refresh();
  }

  /** Choose the smallest size that fills the box, never above that of the video. */
  resize(opened = false) {
    if (!this.video) return;
    const { width, height } = this.video;
    const room = this.canvas.parentElement.clientWidth * devicePixelRatio;
    const chosen = Math.min(width, WIDTHS.find((each) => each >= room) ?? width);
    if (!opened && chosen === this.canvas.width) return;
    if (this.canvas.width !== chosen) {
      this.canvas.width = chosen;
      this.canvas.height = Math.max(1, Math.round((height * chosen) / width));
      this.frames?.close();
      this.frames = null;
    }
    this.frames ??= new FrameStore(this.base, this.video, chosen);
    if (this.run && (!this.masks || this.masks.width !== chosen)) {
      const before = this.masks;
      this.masks = new MaskStore(this.run, chosen, this.canvas.height, this.selection);
      if (before) this.masks.overrides = before.overrides;
      before?.close();
    }
    if (!opened) this.show(this.wanted);
  }

  /** Show a frame as soon as its image and its masks are there; the last call wins. */
  async show(frame, direction = 1) {
    const { video, frames, masks } = this;
    if (!video) return;
    frame = Math.min(Math.max(0, frame), video.frames - 1);
    this.wanted = frame;
    frames.center = frame;
    if (masks) masks.center = frame;
    try {
      let [image, overlay] = [null, null];
      while (!image || (masks && !overlay)) {
        await Promise.all([frames.load(frame), masks?.load(frame)]);
        if (this.wanted !== frame || this.frames !== frames || this.masks !== masks) return;
        [image, overlay] = [frames.get(frame), masks?.get(frame)]; // an image may be dropped while the other one is awaited
      }
      this.draw(frame, image, overlay);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      return;
    }
    if (!this.isWhole) return;
    frames.prefetch(frame, direction);
    masks?.prefetch(frame, direction);
  }

  draw(frame, image, overlay) {
    const { context, canvas } = this;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    if (overlay) context.drawImage(overlay, 0, 0, canvas.width, canvas.height);
    this.drawPoints(frame);
    this.frame = frame;
    canvas.dataset.image = frame;
    if (this.isWhole) canvas.dataset.painted = frame;
    this.onFrame(frame);
  }

  drawPoints(frame) {
    const { context, canvas, video } = this;
    const scale = canvas.width / video.width;
    const radius = Math.max(2, (POINT_RADIUS * canvas.width) / (canvas.clientWidth || canvas.width));
    for (const { x, y, positive } of this.getPoints(frame)) {
      context.beginPath();
      context.arc((x + 0.5) * scale, (y + 0.5) * scale, radius, 0, 2 * Math.PI);
      context.fillStyle = positive ? "#1a7f37" : "#cf222e";
      context.fill();
      context.lineWidth = radius / 4;
      context.strokeStyle = "#fff";
      context.stroke();
      context.beginPath();
      context.moveTo((x + 0.5) * scale - radius / 2, (y + 0.5) * scale);
      context.lineTo((x + 0.5) * scale + radius / 2, (y + 0.5) * scale);
      if (positive) {
        context.moveTo((x + 0.5) * scale, (y + 0.5) * scale - radius / 2);
        context.lineTo((x + 0.5) * scale, (y + 0.5) * scale + radius / 2);
      }
      context.stroke();
    }
    const cross = this.getCrosshair();
    if (cross) {
      for (const [width, color] of [[radius / 2, "#000"], [radius / 5, "#fff"]]) {
        context.lineWidth = width;
        context.strokeStyle = color;
        context.beginPath();
        context.moveTo((cross.x + 0.5) * scale, 0);
        context.lineTo((cross.x + 0.5) * scale, canvas.height);
        context.moveTo(0, (cross.y + 0.5) * scale);
        context.lineTo(canvas.width, (cross.y + 0.5) * scale);
        context.stroke();
      }
    }
  }

  /** Paint the frame anew, after a change of masks or points. */
  refresh() {
    return this.show(this.wanted);
  }

  step(count) {
    this.pause();
    return this.show(this.wanted + count, Math.sign(count));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.onPlaying(false);
  }

  /** Play at the speed of the video; no frame is skipped, so a slow connection plays slowly. */
  play(rate = this.video?.fps) {
    if (!this.video || this.playing) return;
    this.playing = true;
    this.onPlaying(true);
    let due = performance.now();
    let next = this.frame >= this.video.frames - 1 ? 0 : this.frame + 1;
    const tick = (now) => {
      if (!this.playing) return;
      const { frames, masks } = this;
      frames.prefetch(next - 1, 1);
      masks?.prefetch(next - 1, 1);
      if (now >= due - 4) {
        const image = frames.get(next);
        const overlay = masks?.get(next);
        if (image && (overlay || !masks)) {
          this.wanted = next;
          this.draw(next, image, overlay);
          due = Math.max(due + 1000 / rate, now - 100);
          next += 1;
          if (next >= this.video.frames) {
            this.pause();
            return;
          }
        } else {
          frames.load(next).catch(() => this.pause());
          masks?.load(next).catch(() => this.pause());
        }
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** Return the pixel of the video under a pointer event. */
  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.video.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * this.video.height);
    const clamp = (value, size) => Math.min(Math.max(0, value), size - 1);
    return { x: clamp(x, this.video.width), y: clamp(y, this.video.height) };
  }
}
