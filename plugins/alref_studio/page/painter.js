// A worker that paints the masks of a frame on an OffscreenCanvas and returns them as an ImageBitmap.

import { MaskPainter } from "./rle.js";

const painter = new MaskPainter();
let canvas = null;

onmessage = ({ data }) => {
  const { id, masks, rows, columns, width, height } = data;
  if (canvas?.width !== width || canvas?.height !== height) canvas = new OffscreenCanvas(width, height);
  const pixels = painter.paint(masks, rows, columns, width, height);
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  const image = canvas.transferToImageBitmap();
  postMessage({ id, image }, [image]);
};
