// Train it: three ways, and the commands that run, with how far they are.
import { ask, at, button, fail, make, post, refresh, seconds, startJob, state, watch } from "./common.js";

const WAYS = [
  ["quick", "Quick", "Three to a hundred recordings, seconds. Knows the voices that recorded."],
  ["good", "Good", "Trained against speech without the phrase, minutes. Knows voices that it never heard."],
  ["best", "Best", "Two networks teach a third: three times as long as Good, and misses fewer."],
];
/** Of these kinds a model comes out. */
const MODELS = ["quick", "good", "best"];
const seen = new Map();
let planned = "";

function details(kind) {
  if (kind === "quick") return {};
  const values = { steps: Number(at("steps").value), synthesize: Number(at("synthesize").value) };
  return at("base").value.trim() ? { ...values, base: at("base").value.trim() } : values;
}

function way([kind, title, about]) {
  const command = make("code", { className: "command", hidden: true });
  const why = make("p", { className: "dim" });
  const go = button(`Make it ${title.toLowerCase()}`, async () => {
    const job = await startJob(kind, details(kind));
    at("train-status").textContent = `${job.title}: has begun.`;
  }, { className: kind === "quick" ? "main" : "" });
  const box = make("div", { className: "card" }, make("h3", {}, title), make("p", {}, about), go, why, command);
  box.plan = async () => {
    try {
      const plan = await ask(`/api/plan/${kind}?${new URLSearchParams(details(kind))}`);
      if (plan.missing) throw new Error(plan.missing);
      command.textContent = plan.command;
      command.hidden = false;
      why.textContent = "";
      go.disabled = false;
    } catch (error) {
      command.hidden = true;
      why.textContent = error.message;
      go.disabled = true;
    }
  };
  return box;
}

function line(job) {
  const { number, state: now, told, title, command, kind, makes } = job;
  const row = make("li");
  const text = make("span", {}, make("strong", {}, title), ` ${told.words}`);
  if (told.seconds_left && ["running"].includes(now)) text.append(`, about ${seconds(told.seconds_left)} left`);
  row.append(text);
  if (now === "running") {
    const bar = make("progress", { max: 1, ariaLabel: `How far: ${title}` });
    if (told.share !== null) bar.value = told.share;
    row.append(bar);
  }
  const deed = (name, does) => button(name, async () => {
    await post(`/api/jobs/${number}/${does}`);
    await refresh();
  }, { className: "small", ariaLabel: `${name}: ${title}` });
  if (now === "running") row.append(deed("Pause", "pause"));
  if (["running", "paused", "waiting"].includes(now)) row.append(deed("Stop", "stop"));
  if (["paused", "stopped", "failed"].includes(now)) row.append(deed("Go on", "resume"));
  if (now === "done" && MODELS.includes(kind)) {
    row.append(button("Try it", () => {
      at("try-model").value = makes.split("/").pop();
      location.hash = "#try";
    }, { className: number === newest() ? "main" : "small", ariaLabel: `Try it: ${title}` }));
  }
  const log = make("pre", { tabIndex: 0, ariaLabel: `What ${title} says` });
  const more = make("details", {}, make("summary", {}, "Command and log"),
    make("code", { className: "command" }, command), log);
  more.addEventListener("toggle", async () => {
    if (more.open) log.textContent = (await ask(`/api/jobs/${number}`)).log || "It has said nothing.";
  });
  row.append(more);
  return row;
}

const newest = () => state.jobs.find((job) => MODELS.includes(job.kind))?.number;

export function startTrain() {
  const boxes = WAYS.map(way);
  at("ways").replaceChildren(...boxes);
  const planAll = () => Promise.all(boxes.map((box) => box.plan())).catch((error) => fail(error.message));
  for (const id of ["steps", "synthesize", "base"]) at(id).addEventListener("change", planAll);
  addEventListener("step", ({ detail }) => { if (detail === "train" && state.project?.phrase) planAll(); });
  watch(() => {
    const rows = [];
    for (const job of state.jobs) {
      // a line that is unchanged stays: what is open in it or has the focus is not lost
      const key = JSON.stringify([job, job.number === newest()]);
      const before = seen.get(job.number);
      if (before?.key === key) rows.push(before.row);
      else {
        const row = line(job);
        const open = before?.row.querySelector("details")?.open;
        if (open) row.querySelector("details").open = true;
        const focused = before?.row.contains(document.activeElement)
          ? document.activeElement.getAttribute("aria-label") : null;
        seen.set(job.number, { key, row, focused });
        rows.push(row);
        if (focused) setTimeout(() => [...row.querySelectorAll("button")].find(
          (one) => one.getAttribute("aria-label") === focused)?.focus());
        if (before && MODELS.includes(job.kind) && job.state === "done") {
          at("train-status").textContent = `${job.title}: is done. Try it.`;
        }
      }
    }
    const lines = [...at("jobs").children];
    if (rows.length !== lines.length || rows.some((row, n) => row !== lines[n])) {
      at("jobs").replaceChildren(...rows);
    }
    // what could be started depends on what is there, not on how far a command is
    const there = JSON.stringify([state.project.counts, state.models.length]);
    if (there !== planned && !at("train").hidden && state.project.phrase) planAll();
    planned = there;
  });
}
