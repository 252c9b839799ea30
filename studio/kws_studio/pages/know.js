// Know it: misses against false accepts, what a threshold means, and what went wrong to hear.
import { ask, at, button, ended, fill, make, onPress, percent, play, post, refresh, sayWhetherModel,
  showCommand, startJob, state, watch } from "./common.js";

const SVG = "http://www.w3.org/2000/svg";
/** Of the drawing: its edges. */
const LEFT = 50, RIGHT = 430, TOP = 10, BOTTOM = 215;

/** Hours of speech without the phrase from which a rate is told for a whole day. */
const ENOUGH = 0.5;

let first = null;
let second = null;

function shape(name, properties, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function places(found, most) {
  const x = (rate) => LEFT + (RIGHT - LEFT) * Math.sqrt(Math.min(1, rate / most));
  const y = (share) => BOTTOM - (BOTTOM - TOP) * share;
  return found.points.map((one) => [x(one.per_hour), y(one.miss_rate)]);
}

function pathOf(spots) {
  return spots.map(([x, y], n) =>
    (n ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`)).join("");
}

function draw() {
  const all = [first, second].filter(Boolean).flatMap((one) => one.points);
  const most = Math.max(1, ...all.map((one) => one.per_hour));
  const svg = at("curve");
  svg.replaceChildren(
    shape("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }),
    shape("line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: BOTTOM }),
    shape("text", { x: LEFT, y: BOTTOM + 34 }, "fired without it, per hour"),
    shape("text", { "text-anchor": "end", x: LEFT - 9, y: TOP + 6 }, "missed"));
  for (const share of [0, 0.5, 1]) {
    svg.append(shape("text", { "text-anchor": "end", x: LEFT - 9,
      y: BOTTOM - (BOTTOM - TOP) * share + (share === 1 ? 20 : 4) }, `${100 * share} %`));
  }
  for (const part of [0, 0.25, 1]) {
    const rate = most * part;
    svg.append(shape("text", { "text-anchor": part === 1 ? "end" : "middle",
      x: LEFT + (RIGHT - LEFT) * Math.sqrt(part), y: BOTTOM + 16 }, rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)));
  }
  if (second) svg.append(shape("path", { class: "second", d: pathOf(places(second, most)) }));
  svg.append(shape("path", { d: pathOf(places(first, most)) }));
  const [x, y] = places(first, most)[Number(at("threshold").value)];
  svg.append(shape("circle", { cx: x, cy: y, r: 6 }));
}

function meaning() {
  const point = first.points[Number(at("threshold").value)];
  const [low, high] = point.per_day_interval;
  const [least, most] = point.miss_rate_interval;
  const day = point.hours < ENOUGH
    ? `${point.false_accepts} false accepts in ${(60 * point.hours).toFixed(1)} min of speech without ` +
      "the phrase: too little to say how often in a day. Add hours of it in Say it."
    : "If such speech went on all day, it would fire by itself about " +
      `${Math.round(point.per_day)} times a day (${Math.round(low)} to ${Math.round(high)}, from ` +
      `${point.hours.toFixed(2)} h).`;
  const text = `From ${point.threshold.toFixed(3)} up: of 100 calls about ${Math.round(100 * point.miss_rate)} ` +
    `are missed (${percent(least)} to ${percent(most)}, from ${point.recordings} recordings). ${day}`;
  at("meaning").textContent = text;
  at("threshold").setAttribute("aria-valuetext", text);
  const same = Number(at("threshold").value) === chosen(first);
  at("write-threshold").disabled = same;
  at("threshold-about").textContent = same ? `The file of ${first.model} has ${thresholdOf(first).toFixed(3)}, which gives this.`
    : `The file of ${first.model} has ${thresholdOf(first).toFixed(3)}: what is tried and taken has that.`;
  draw();
}

/** The threshold in a model's file, which may be another than when it was judged. */
function thresholdOf(found) {
  const file = state.models.find((one) => one.name === found.model);
  return file?.thresholds?.[state.project.phrase] ?? found.chosen;
}

/** The point at which a model's file puts it. */
function chosen(found) {
  const number = found.points.findIndex((one) => one.threshold <= thresholdOf(found) + 1e-9);
  return number < 0 ? found.points.length - 1 : number;
}

function entry(job, kind, place) {
  const row = make("li", {}, make("span", {},
    `${place.name} at ${place.at.toFixed(1)} s, score ${place.score.toFixed(2)}`),
    button("Play", () => play(`/api/excerpt/${job}/${kind}/${place.place}`),
      { className: "small", ariaLabel: `Play ${place.name}` }));
  const move = (text, to) => row.append(button(text, async () => {
    await post("/api/move", { shelf: place.shelf, name: place.name, to });
    row.replaceChildren(make("span", { className: "good" }, `${place.name}: ${text.toLowerCase()}. Train again.`));
    await refresh();
  }, { className: "small", ariaLabel: `${text}: ${place.name}` }));
  if (!place.shelf) return row;
  if (kind === "misses") {
    if (place.shelf === "held") move("Learn from it", "learn");
    move("It is not the phrase", "other");
    move("Throw out", "thrown");
  } else {
    move("It is the phrase", "learn");
    if (place.shelf === "judge") move("Train against it", "other");
    move("Throw out", "thrown");
  }
  return row;
}

function table(caption, heads, rows) {
  return make("table", {}, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((one) => make("td", {}, one))))));
}

function breakdown() {
  const parts = [];
  if (first.kinds.length) {
    parts.push(table("By kind of speech", ["kind", "fired per hour", "hours"], first.kinds.map((one) =>
      [one.kind, one.false_accepts_per_hour.toFixed(2), one.hours.toFixed(2)])));
  }
  if (first.groups.length) {
    parts.push(table(`By voice. ${first.group_about}`, ["voice", "detected", "recordings"], first.groups.map((one) =>
      [String(one.name ?? one.group ?? one.value ?? ""), share(one), String(one.clips ?? one.recordings ?? "")])));
  }
  at("breakdown").replaceChildren(...parts);
}

function share(one) {
  const value = one.accuracy ?? one.detected ?? one.share;
  return typeof value === "number" ? percent(value) : "–";
}

function beside() {
  if (!second) return at("side-by-side").replaceChildren();
  const row = (found) => {
    const point = found.points[chosen(found)];
    return [found.model, thresholdOf(found).toFixed(3), percent(point.miss_rate), point.per_hour.toFixed(2)];
  };
  return at("side-by-side").replaceChildren(table("Each at the threshold in its file",
    ["model", "threshold", "missed", "fired per hour"], [row(first), row(second)]));
}

async function show(number) {
  first = await ask(`/api/curve/${number}`);
  at("know-rest").hidden = false;
  at("know-about").textContent = `${first.model}: ${first.about}.`;
  at("threshold").max = first.points.length - 1;
  at("threshold").value = chosen(first);
  at("misses").replaceChildren(...first.misses.map((place) => entry(number, "misses", place)));
  at("wrong").replaceChildren(...first.false_accepts.map((place) => entry(number, "false_accepts", place)));
  for (const id of ["misses", "wrong"]) {
    if (!at(id).children.length) at(id).append(make("li", {}, "None at the threshold that was judged."));
  }
  meaning();
  breakdown();
  beside();
}

async function judge(model) {
  const job = await startJob("judge", { model });
  showCommand(at("judge-command"), job.command);
  at("know-status").textContent = `${job.title} …`;
  const end = await ended(job.number);
  if (end.state !== "done") throw new Error(end.told.words);
  at("know-status").textContent = `${end.title}: done.`;
  return job.number;
}

export function startKnow() {
  onPress(at("judge"), async () => {
    const other = at("know-second").value;
    second = null;
    if (other) second = await ask(`/api/curve/${await judge(other)}`);
    await show(await judge(at("know-model").value));
  });
  onPress(at("sweep"), async () => {
    const job = await startJob("sweep", { model: at("know-model").value });
    showCommand(at("judge-command"), job.command);
    at("know-status").textContent = `${job.title}, a minute or more …`;
    const end = await ended(job.number);
    if (end.state !== "done") throw new Error(end.told.words);
    const { result } = await ask(`/api/jobs/${job.number}`);
    at("know-rest").hidden = false;
    at("know-status").textContent = `${end.title}: done.`;
    at("noise-table").replaceChildren(table("In noise", ["noise below the voice", "missed", "fired per hour"],
      result.conditions.map((one) => [one.snr === null ? "none" : `${one.snr} dB`,
        percent(one.miss_rate), one.false_accepts_per_hour.toFixed(2)])));
  });
  at("threshold").addEventListener("input", meaning);
  onPress(at("write-threshold"), async () => {
    const { threshold } = first.points[Number(at("threshold").value)];
    const job = await startJob("threshold", { model: first.model, threshold });
    showCommand(at("threshold-command"), job.command);
    at("know-status").textContent = `${job.title}: is being written …`;
    const end = await ended(job.number);
    if (end.state !== "done") throw new Error(end.told.words);
    meaning();
    beside();
    at("know-status").textContent = `${end.title}: is written. Judge it again to hear what is missed with it.`;
  });
  onPress(at("train-again"), () => { location.hash = "#train"; });
  watch(() => {
    const rows = state.models.filter((one) => one.usable).map((one) => [one.name, one.stem]);
    fill(at("know-model"), rows);
    fill(at("know-second"), [["", "no other"], ...rows]);
    at("judge").disabled = at("sweep").disabled = !rows.length;
    sayWhetherModel(at("know-status"), rows.length);
  });
  addEventListener("step", ({ detail }) => {
    const latest = state.jobs.find((job) => job.kind === "judge" && job.state === "done");
    if (detail === "know" && !first && latest) show(latest.number).catch(() => {});
  });
}
