// What is left of a look at the pictures once the graph has run: threshold, NMS, matching and mAP, as teachkit's decode and
// scoring do it. A box is [x1, y1, x2, y2] px; a detection is [...box, label, score].

const OVERLAPS = Array.from({ length: 10 }, (_, place) => 0.5 + (0.45 * place) / 9);
const RECALLS = Array.from({ length: 101 }, (_, place) => place / 100);
const MOST_PER_CLASS = 100; // in a picture

function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (!(width > 0 && height > 0)) return 0;
  const both = width * height;
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

const byScore = (one, other) => other[5] - one[5];

// Non-maximum suppression within each class: at most `limit` of each, all of them best first.
function suppressed(candidates, overlap, limit) {
  const kept = [],
    ofClass = new Map();
  for (const one of candidates.sort(byScore)) {
    if (!ofClass.has(one[4])) ofClass.set(one[4], []);
    const rivals = ofClass.get(one[4]);
    if (rivals.length >= limit || rivals.some((other) => iou(other, one) > overlap)) continue;
    rivals.push(one);
    kept.push(one);
  }
  return kept;
}

// boxes: [pictures, anchor points, 4], scores: [pictures, anchor points, classes], in one row each → detections of each picture.
export function detections(boxes, scores, pictures, classes, { threshold = 0.25, overlap = 0.7, limit = 100 } = {}) {
  const points = scores.length / pictures / classes;
  return Array.from({ length: pictures }, (_, picture) => {
    const candidates = [];
    for (let point = picture * points; point < (picture + 1) * points; point += 1) {
      for (let label = 0; label < classes; label += 1) {
        const score = scores[point * classes + label];
        if (score > threshold) candidates.push([...boxes.subarray(4 * point, 4 * point + 4), label, score]);
      }
    }
    return suppressed(candidates, overlap, limit);
  });
}

// Best first, each detection claims the free object that it overlaps most, if by enough → whether it has claimed one.
function claims(found, truths, enough) {
  const free = truths.map(() => true);
  return found.map((one) => {
    let best = -1,
      most = 0;
    truths.forEach((truth, place) => {
      const overlap = free[place] ? iou(one, truth) : -1;
      if (overlap >= most) [best, most] = [place, overlap];
    });
    if (best < 0 || most < enough) return false;
    free[best] = false;
    return true;
  });
}

// How many objects are claimed by a detection of their class. found, truths: of each picture.
export function objectsFound(found, truths, classes, enough = 0.5) {
  let count = 0;
  for (let label = 0; label < classes; label += 1) {
    const its = (one) => one.filter((box) => box[4] === label);
    found.forEach((one, picture) => {
      count += claims(its(one), its(truths[picture]), enough).filter(Boolean).length;
    });
  }
  return count;
}

// hits: best first → mean over 101 recalls of the best precision still to be had there.
function averagePrecision(hits, truths) {
  let right = 0;
  const recall = [],
    precision = [];
  hits.forEach((hit, place) => {
    right += hit;
    recall.push(right / truths);
    precision.push(right / (place + 1));
  });
  for (let place = precision.length - 2; place >= 0; place -= 1)
    precision[place] = Math.max(precision[place], precision[place + 1]);
  let sum = 0,
    place = 0;
  for (const level of RECALLS) {
    while (place < recall.length && recall[place] < level) place += 1;
    sum += precision[place] ?? 0;
  }
  return sum / RECALLS.length;
}

// found: detections of each picture; truths: of each picture its objects, [...box, label] → map and map50, NaN without any.
export function meanAveragePrecision(found, truths, classes) {
  const rows = [];
  for (let label = 0; label < classes; label += 1) {
    const there = truths.map((one) => one.filter((truth) => truth[4] === label));
    const count = there.reduce((sum, one) => sum + one.length, 0);
    if (!count) continue;
    const theirs = found.map((one) =>
      one
        .filter((box) => box[4] === label)
        .sort(byScore)
        .slice(0, MOST_PER_CLASS),
    );
    rows.push(
      OVERLAPS.map((enough) => {
        const ranked = theirs.flatMap((one, picture) =>
          claims(one, there[picture], enough).map((hit, place) => [one[place][5], hit]),
        );
        return averagePrecision(
          ranked.sort((one, other) => other[0] - one[0]).map(([, hit]) => hit),
          count,
        );
      }),
    );
  }
  const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
  return { map: mean(rows.map(mean)), map50: mean(rows.map((row) => row[0])) };
}
