// Try it: the microphone, the score over time, detections as they come.
import { at, ended, fill, make, onPress, sayWhetherModel, showCommand, startJob, state,
  watch } from "./common.js";
import { Room, levelOf, openMicrophone } from "./recorder.js";

/** Seconds that the picture of the score shows. */
const SHOWN = 10;
/** Detections that are listed. */
const MOST = 50;

let running = null;
let room = null;
const scores = [];

const model = () => state.models.find((one) => one.name === at("try-model").value);
const inPage = () => model()?.exports.includes("web") ?? false;
/** Whether a command is at work, other than the export that this page would start. */
const busy = ({ stem }) => state.jobs.some((job) =>
  ["running", "paused", "waiting"].includes(job.state) && job.makes !== `exports/${stem}/web`);
/** Models of which no WebAssembly could be made, with the reason. */
const failed = new Map();

/** Why a model runs in Python rather than in this page; empty where it runs in the page. */
function whyNot(found) {
  if (inPage()) return "";
  if (found.enrolled) return "a quick wake word runs in Python alone, and ships so";
  if (state.visitors) return "this page is shared by many";
  if (!state.compiler) return "WebAssembly takes a compiler, which is missing: pip install 'kws[native]'";
  return failed.get(`${found.name} ${found.made}`) ?? "";
}

function show({ keyword, score, start, end }) {
  const cells = [keyword, score.toFixed(2), start.toFixed(2), end.toFixed(2)];
  at("heard").prepend(make("tr", {}, ...cells.map((one) => make("td", {}, one))));
  while (at("heard").rows.length > MOST) at("heard").lastElementChild.remove();
  at("try-status").textContent = `“${keyword}” was heard.`;
}

function draw() {
  const canvas = at("score");
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const { width, height } = canvas;
  const now = performance.now() / 1000;
  context.clearRect(0, 0, width, height);
  const y = (score) => height - 4 - score * (height - 8);
  context.strokeStyle = style.getPropertyValue("--bad") || "red";
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(0, y(Number(at("try-threshold").value)));
  context.lineTo(width, y(Number(at("try-threshold").value)));
  context.stroke();
  context.setLineDash([]);
  context.strokeStyle = style.color;
  context.lineWidth = 2;
  context.beginPath();
  while (scores.length && scores[0][0] < now - SHOWN) scores.shift();
  scores.forEach(([when, score], n) => {
    const x = width * (1 - (now - when) / SHOWN);
    if (n) context.lineTo(x, y(score));
    else context.moveTo(x, y(score));
  });
  context.stroke();
  canvas.dataset.highest = Math.max(0, ...scores.map((one) => one[1])).toFixed(3);
  if (running) requestAnimationFrame(draw);
}

function score(value) {
  scores.push([performance.now() / 1000, value]);
}

/** The model as WebAssembly in this page: what ships. */
async function listenHere({ stem, made, keywords }) {
  // a model that got another threshold is another module
  const { createSpotterNode } = await import(`/try/${encodeURIComponent(stem)}/${made}/kws.js`);
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const context = new AudioContext();
  const node = await createSpotterNode(context, {
    onScores: (scores) => score(scores[keywords[0]]), onDetection: show });
  await context.audioWorklet.addModule("/pages/capture-worklet.js");
  const meter = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  meter.port.onmessage = ({ data }) => hearRoom(data);
  const source = context.createMediaStreamSource(media);
  source.connect(node);
  source.connect(meter);
  await context.resume();
  return { stop() {
    for (const track of media.getTracks()) track.stop();
    node.port.postMessage({ stop: true });
    return context.close();
  } };
}

/** Make WebAssembly of a model; what is wrong is told, and Python hears then. */
async function build(found) {
  if (busy(found)) {
    failed.set(`${found.name} ${found.made}`, "another command is at work: listen again when it is done");
    return;
  }
  const job = await startJob("export", { model: found.name, form: "web" });
  showCommand(at("try-command"), job.command);
  at("try-status").textContent = `${job.title}: is being built, half a minute …`;
  const end = await ended(job.number);
  if (end.state !== "done") failed.set(`${found.name} ${found.made}`, end.told.words);
}

/** The model on this machine, as Python runs it, which hears the page over a WebSocket. */
async function listenThere(name) {
  let socket = null;
  const microphone = await openMicrophone((block) => {
    hearRoom(block);
    if (socket?.readyState !== WebSocket.OPEN) return;
    const samples = new Int16Array(block.length);
    block.forEach((one, n) => { samples[n] = Math.round(32767 * Math.max(-1, Math.min(1, one))); });
    socket.send(samples);
  });
  const query = new URLSearchParams({ model: name, rate: microphone.sampleRate,
    threshold: at("try-threshold").value });
  socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/listen?${query}`);
  socket.onmessage = ({ data }) => {
    const heard = JSON.parse(data);
    score(heard.score);
    heard.found.forEach(show);
  };
  socket.onclose = ({ reason }) => {
    if (running?.socket === socket) stop(reason ? `Stopped: ${reason}` : "The studio ended the stream.");
  };
  return { socket, stop() {
    socket.onclose = null;
    socket.close();
    return microphone.stop();
  } };
}

function hearRoom(block) {
  room.push(levelOf(block));
  at("room").textContent = `${room.level.toFixed(0)} dB of full scale`;
}

function toggle(on) {
  at("listen").textContent = on ? "Stop" : "Listen";
  at("listen").setAttribute("aria-pressed", String(on));
  at("try-model").disabled = on;
}

async function stop(text) {
  const before = running;
  running = null;
  toggle(false);
  at("try-status").textContent = text;
  await before?.stop?.();
}

function showModel() {
  const found = model();
  at("listen").disabled = !found;
  sayWhetherModel(at("try-status"), found);
  if (!found) return;
  const threshold = found.thresholds[found.keywords[0]] ?? 0.5;
  at("try-threshold").value = threshold;
  at("try-threshold").disabled = inPage();
  at("try-threshold-shown").textContent = Number(threshold).toFixed(3);
  const why = whyNot(found);
  at("try-where").textContent = inPage()
    ? "It runs as WebAssembly in this page: what is tried is what ships. The threshold is that of the file."
    : why ? `It runs in Python on this machine: ${why}.`
      : "It runs as WebAssembly in this page: Listen builds it first.";
  showCommand(at("try-command"), inPage() || !why
    ? `kws export models/${found.name} --to web --output exports/${found.stem}/web`
    : `kws listen --model models/${found.name}`);
}

export function startTry() {
  onPress(at("listen"), async () => {
    if (running) return stop("Stopped.");
    let found = model();
    failed.delete(`${found.name} ${found.made}`);
    room = new Room();
    scores.length = 0;
    at("heard").replaceChildren();
    toggle(true);
    const begun = { stop() {} };
    running = begun;
    try {
      if (!inPage() && !whyNot(found)) {
        await build(found);
        found = model();
        showModel();
      }
      if (running !== begun) return null; // left meanwhile
      at("try-status").textContent = "Allow the microphone …";
      const own = inPage() ? await listenHere(found) : await listenThere(found.name);
      if (running !== begun) return own.stop();
      running = own;
      at("try-status").textContent = `Listening: say “${found.keywords[0]}”.`;
      draw();
    } catch (error) {
      await stop("It does not listen.");
      throw error;
    }
    return null;
  });
  at("try-model").addEventListener("change", showModel);
  at("try-threshold").addEventListener("input", () => {
    at("try-threshold-shown").textContent = Number(at("try-threshold").value).toFixed(3);
    if (running) stop("The threshold is another: press Listen again.");
  });
  let before = "";
  const look = () => {
    fill(at("try-model"), state.models.filter((one) => one.usable).map((one) => [one.name, one.stem]));
    const now = JSON.stringify(model() ?? null);
    if (now !== before && !running) showModel();
    before = now;
  };
  watch(look);
  addEventListener("step", ({ detail }) => {
    if (detail === "try") showModel();
    else if (running) stop("Stopped.");
  });
}
