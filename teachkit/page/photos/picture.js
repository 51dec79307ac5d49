// A picture as the detectors take it: scaled to fit a square, centred on grey, as teachkit/feed/letterbox.py does it.

const LARGEST = 1024; // px of a side that is kept: more than any detector here looks at
const GREY = "rgb(128, 128, 128)";

// file → ImageBitmap, upright, and no larger than needed: twenty photos of a phone would fill a gigabyte.
export async function opened(file) {
  const whole = await createImageBitmap(file),
    scale = LARGEST / Math.max(whole.width, whole.height);
  if (scale >= 1) return whole;
  const [resizeWidth, resizeHeight] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = await createImageBitmap(whole, { resizeWidth, resizeHeight, resizeQuality: "high" });
  whole.close();
  return small;
}
// bitmap: ImageBitmap → canvas of side × side px.
export function letterboxed(bitmap, side) {
  const scale = Math.min(side / bitmap.width, side / bitmap.height);
  const [width, height] = [bitmap.width, bitmap.height].map((one) => Math.max(1, Math.round(one * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = GREY;
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, Math.floor((side - width) / 2), Math.floor((side - height) / 2), width, height);
  return canvas;
}
// → [3, side, side] in 0 … 1
export function pixelsOf(canvas) {
  const { width, height } = canvas,
    area = width * height;
  const all = canvas.getContext("2d").getImageData(0, 0, width, height).data,
    pixels = new Float32Array(3 * area);
  for (let i = 0; i < area; i += 1)
    for (let colour = 0; colour < 3; colour += 1) pixels[colour * area + i] = all[4 * i + colour] / 255;
  return pixels;
}
export const fileOf = (canvas) =>
  new Promise((done) => {
    canvas.toBlob((blob) => done(blob.arrayBuffer()), "image/png");
  });
