// What has been tried and solved, in the browser's own storage, and as the file that `progress collect` reads.

const KEY = "teachkit progress",
  FORMAT = 1,
  KIND = "teachkit progress";

// lesson → name → {tries, solved}; empty where there is none, or the storage is closed.
export function read() {
  try {
    const content = JSON.parse(localStorage.getItem(KEY));
    return content?.format === FORMAT && typeof content.done === "object" ? content.done : {};
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
