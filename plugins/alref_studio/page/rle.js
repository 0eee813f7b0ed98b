// COCO run-length masks: decoded by columns, painted by rows.

const FILL_ALPHA = 89; // 0.35
const SELECTED_FILL_ALPHA = 128; // 0.5
const EDGE_ALPHA = 204; // 0.8

/** Decode COCO's compressed counts to run lengths, alternately outside and inside the mask. */
export function decodeRuns(counts) {
  const runs = [];
  let place = 0;
  while (place < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const code = counts.charCodeAt(place++) - 48;
      value |= (code & 31) << (5 * shift++);
      more = (code & 32) !== 0;
      if (!more && code & 16) value |= -1 << (5 * shift);
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Return the number of pixels in a mask. */
export function countPixels(counts) {
  return decodeRuns(counts).reduce((sum, run, index) => sum + (index % 2 ? run : 0), 0);
}

/** Return whether a mask covers the pixel (x, y) of an image that is `height` pixels high. */
export function coversPixel(counts, height, x, y) {
  const place = x * height + y;
  let end = 0;
  for (const [index, run] of decodeRuns(counts).entries()) {
    end += run;
    if (place < end) return index % 2 === 1;
  }
  return false;
}

/** Paints masks into pixels; it reuses its buffers. */
export class MaskPainter {
  /** Return RGBA pixels of `width` x `height`; masks are those of a video of `rows` x `columns`, the topmost last. */
  paint(masks, rows, columns, width, height) {
    const size = rows * columns;
    if (this.inside?.length !== size) this.inside = new Uint8Array(size);
    if (this.pixels?.length !== width * height) this.pixels = new Uint32Array(width * height);
    this.pixels.fill(0);
    for (const mask of masks) {
      const spans = this.fill(mask.counts, 1);
      if (spans.length) this.drawMask(mask, spans, rows, columns, width, height);
      for (const [start, end] of spans) this.inside.fill(0, start, end);
    }
    return new Uint8ClampedArray(this.pixels.buffer);
  }

  /** Mark the pixels of a mask, by columns, and return its runs as [start, end). */
  fill(counts, value) {
    const spans = [];
    let place = 0;
    decodeRuns(counts).forEach((run, index) => {
      if (index % 2 && run) {
        this.inside.fill(value, place, place + run);
        spans.push([place, place + run]);
      }
      place += run;
    });
    return spans;
  }

  drawMask({ color, selected }, spans, rows, columns, width, height) {
    const { inside, pixels } = this;
    const across = columns / width;
    const down = rows / height;
    const edge = Math.max(1, Math.round(1.5 * across));
    const rgb = (color[2] << 16) | (color[1] << 8) | color[0];
    const fill = ((selected ? SELECTED_FILL_ALPHA : FILL_ALPHA) << 24) | rgb;
    const line = (EDGE_ALPHA << 24) | rgb;
    const first = Math.max(0, Math.floor(Math.floor(spans[0][0] / rows) / across));
    const last = Math.min(width - 1, Math.ceil(Math.floor((spans[spans.length - 1][1] - 1) / rows) / across));
    for (let x = first; x <= last; x++) {
      const column = Math.min(columns - 1, Math.floor((x + 0.5) * across));
      const left = column >= edge ? -edge * rows : 0;
      const right = column < columns - edge ? edge * rows : 0;
      for (let y = 0; y < height; y++) {
        const row = Math.min(rows - 1, Math.floor((y + 0.5) * down));
        const place = column * rows + row;
        if (!inside[place]) continue;
        const above = row >= edge ? inside[place - edge] : 1;
        const below = row < rows - edge ? inside[place + edge] : 1;
        const isEdge = !(above && below && inside[place + left] && inside[place + right]);
        pixels[y * width + x] = isEdge ? line : fill;
      }
    }
  }
}
