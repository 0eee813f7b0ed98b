// One lane for each object: where it is present, absent, flagged, corrected and confirmed.

const HEIGHT = 22;

export class Lanes {
  /** `onSeek(frame, number)` is called for a click in a lane, `onSelect(number)` for one on its name. */
  constructor(list, { onSeek, onSelect }) {
    Object.assign(this, { list, onSeek, onSelect });
    this.rows = new Map();
    this.frames = 0;
    new ResizeObserver(() => this.paint()).observe(list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  /** Show the objects of a run with `frames` frames. */
  show(objects, frames) {
    this.frames = frames;
    this.list.replaceChildren();
    this.rows.clear();
    for (const object of objects) {
      const row = document.createElement("div");
      row.className = "lane";
      row.setAttribute("role", "listitem");
      const name = document.createElement("button");
      name.className = "name";
      name.textContent = `${object.number}  ${object.name}`;
      name.title = object.name;
      name.style.setProperty("--color", `rgb(${object.color})`);
      name.onclick = () => this.onSelect(object.number);
      const strip = document.createElement("canvas");
      strip.setAttribute("role", "img");
      strip.setAttribute("aria-label", describeLane(object, frames));
      const seek = (event) => {
        const box = strip.getBoundingClientRect();
        const part = (event.clientX - box.left) / box.width;
        this.onSeek(Math.min(frames - 1, Math.max(0, Math.floor(part * frames))), object.number);
      };
      strip.onpointerdown = (event) => {
        strip.setPointerCapture(event.pointerId);
        seek(event);
      };
      strip.onpointermove = (event) => event.buttons && seek(event);
      row.append(name, strip);
      this.list.append(row);
      this.rows.set(object.number, { row, name, strip, object });
    }
    this.paint();
  }

  select(number) {
    for (const [each, { row, name }] of this.rows) {
      row.classList.toggle("selected", each === number);
      name.setAttribute("aria-pressed", String(each === number));
    }
  }

  /** Move the mark of the frame that is shown. */
  mark(frame) {
    this.frame = frame;
    const part = this.frames > 0 ? (frame + 0.5) / this.frames : 0;
    this.list.style.setProperty("--place", `${part}`);
  }

  paint() {
    const style = getComputedStyle(document.documentElement);
    const [absent, flag, done] = ["--absent", "--flag", "--done"].map((name) => style.getPropertyValue(name));
    for (const { strip, object } of this.rows.values()) {
      const width = Math.round(strip.clientWidth * devicePixelRatio);
      const height = Math.round(HEIGHT * devicePixelRatio);
      if (!width) continue;
      Object.assign(strip, { width, height });
      const context = strip.getContext("2d");
      const scale = width / this.frames;
      const middle = height / 2;
      context.fillStyle = absent;
      context.fillRect(0, middle - devicePixelRatio, width, 2 * devicePixelRatio);
      context.fillStyle = `rgb(${object.color})`;
      for (const [first, last] of object.present) {
        context.fillRect(first * scale, height * 0.22, Math.max(1, (last - first + 1) * scale), height * 0.56);
      }
      for (const { frame } of object.flags) drawFlag(context, (frame + 0.5) * scale, height, flag);
      for (const frame of object.corrected ?? []) drawDot(context, (frame + 0.5) * scale, height, done);
      for (const frame of object.confirmed ?? []) drawBar(context, (frame + 0.5) * scale, height, done);
    }
  }
}

/** Return what a lane shows, in words. */
export function describeLane(object, frames) {
  const parts = [`${object.name}: present in ${object.frames} of ${frames} frames`];
  const add = (list, what) => list?.length && parts.push(`${what} on frames ${list.join(", ")}`);
  add(object.flags.map((each) => each.frame), "flagged");
  add(object.corrected, "corrected");
  add(object.confirmed, "confirmed");
  return parts.join("; ");
}

function drawFlag(context, x, height, color) {
  const size = height * 0.24;
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(x - size, 0);
  context.lineTo(x + size, 0);
  context.lineTo(x, size * 1.7);
  context.fill();
}

function drawDot(context, x, height, color) {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, height / 2, height * 0.2, 0, 2 * Math.PI);
  context.fill();
  context.strokeStyle = "#fff";
  context.lineWidth = height / 16;
  context.stroke();
}

function drawBar(context, x, height, color) {
  context.fillStyle = color;
  context.fillRect(x - height * 0.07, 0, height * 0.14, height);
}
