// What has been tried and solved, in the browser's own storage, and as the file that `progress collect` reads.

const KEY = "teachkit progress",
  FORMAT = 1,
  KIND = "teachkit progress";

const isObject = (one) => typeof one === "object" && one !== null && !Array.isArray(one);
const isEntry = (one) =>
  isObject(one) && Number.isInteger(one.tries) && (one.solved === null || typeof one.solved === "string");
const sound = (entries, fits) => Object.fromEntries(Object.entries(entries).filter(([, one]) => fits(one)));

// lesson → name → {tries, solved}; what is damaged is left out, and all of it where the storage is closed.
export function read() {
  try {
    const { format, done } = JSON.parse(localStorage.getItem(KEY)) ?? {};
    if (format !== FORMAT || !isObject(done)) return {};
    const lessons = Object.entries(sound(done, isObject));
    return Object.fromEntries(lessons.map(([lesson, entries]) => [lesson, sound(entries, isEntry)]));
  } catch {
    return {};
  }
}
const now = () => {
  const here = new Date();
  return new Date(here - here.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
};
// One more try; a solved exercise stays solved. → whether it could be kept
export function record(lesson, name, right) {
  const done = read(),
    entry = ((done[lesson] ??= {})[name] ??= { tries: 0, solved: null });
  entry.tries += 1;
  if (right) entry.solved ??= now();
  try {
    localStorage.setItem(KEY, JSON.stringify({ format: FORMAT, done }));
    return true;
  } catch {
    return false;
  }
}
// exercises: lesson → names. → lesson → [solved, of how many]
export function counts(exercises, done = read()) {
  return Object.fromEntries(
    Object.entries(exercises).map(([lesson, names]) => [
      lesson,
      [names.filter((name) => done[lesson]?.[name]?.solved).length, names.length],
    ]),
  );
}
export const exported = (name, exercises, done = read()) =>
  JSON.stringify({ kind: KIND, name, solved: counts(exercises, done), done }, null, 1);
