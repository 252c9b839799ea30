// What every step uses: asking the server, making elements, saying what went wrong.

export const at = (id) => document.getElementById(id);

/** Ask the server; an answer that is an error is thrown as one line. */
export async function ask(path, { method = "GET", json, body, signal } = {}) {
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  const sent = json === undefined ? body : JSON.stringify(json);
  let response;
  try {
    response = await fetch(path, { method, headers, body: sent, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("the studio does not answer: is it still running?");
  }
  const values = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(values.error || `the studio says ${response.status}`);
  return values;
}

export const post = (path, json = {}) => ask(path, { method: "POST", json });

/** Make an element: properties, then children, which are texts or elements. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** A button that does something, cannot be pressed twice, and says what went wrong. */
export function button(text, deed, properties = {}) {
  const element = make("button", { type: "button", textContent: text, ...properties });
  onPress(element, deed);
  return element;
}

export function onPress(element, deed) {
  element.addEventListener("click", async () => {
    if (element.dataset.busy) return;
    element.dataset.busy = "1";
    try {
      fail("");
      await deed();
    } catch (error) {
      fail(error.message);
    } finally {
      delete element.dataset.busy;
    }
  });
}

/** Say in a line what went wrong; an empty line takes it away. */
export function fail(text) {
  at("toast").textContent = text;
  at("toast").hidden = !text;
}

const NO_MODEL = "There is no model yet: make one in Train it.";

/** Say on a line that there is no model, until there is one. */
export function sayWhetherModel(element, there) {
  if (!there) element.textContent = NO_MODEL;
  else if (element.textContent === NO_MODEL) element.textContent = "";
}

export function seconds(value) {
  if (value < 90) return `${Math.max(1, Math.round(value))} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

let playing = null;

/** Play a sound; one at a time. */
export function play(address) {
  playing?.pause();
  playing = new Audio(address);
  return playing.play().catch((error) => {
    if (error.name !== "AbortError") throw new Error(`cannot be played: ${error.message}`);
  });
}

export const sound = (shelf, name) =>
  `/api/audio/${shelf}/${encodeURIComponent(name)}`;

/** Fill a list of choices, and keep what was chosen. */
export function fill(select, rows, chosen = select.value) {
  const same = select.options.length === rows.length &&
    rows.every(([value, text], n) => select.options[n].value === value && select.options[n].text === text);
  if (!same) select.replaceChildren(...rows.map(([value, text]) => new Option(text, value)));
  if (rows.some(([value]) => value === chosen)) select.value = chosen;
}

export function showCommand(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** The state of the project, as the server last told it, and who wants to know. */
export const state = { project: null, jobs: [], models: [], visitors: false, reachable: false,
  compiler: false };
const watchers = [];
export const watch = (watcher) => watchers.push(watcher);

export async function refresh() {
  Object.assign(state, await ask("/api/state"));
  for (const watcher of watchers) watcher();
}

/** Start a command, and wait until the page knows of it. */
export async function startJob(kind, values = {}) {
  const job = await post("/api/jobs", { kind, ...values });
  await refresh();
  return job;
}

const waiting = new Map();

/** Wait until a command has ended; whether it went well. */
export function ended(number) {
  return new Promise((resolve) => waiting.set(number, resolve));
}

watch(() => {
  for (const job of state.jobs) {
    if (waiting.has(job.number) && ["done", "failed", "stopped"].includes(job.state)) {
      waiting.get(job.number)(job);
      waiting.delete(job.number);
    }
  }
});
