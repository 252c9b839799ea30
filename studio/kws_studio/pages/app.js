// The page: which step is shown, and what the server tells of the project.
import { at, fail, refresh, state, watch } from "./common.js";
import { startKnow } from "./know.js";
import { startLook } from "./look.js";
import { startSay } from "./say.js";
import { startTake } from "./take.js";
import { startTrain } from "./train.js";
import { startTry } from "./try.js";

const STEPS = ["say", "look", "train", "know", "try", "take"];
/** Milliseconds between two questions for the state, while something is at work and otherwise. */
const BUSY = 700;
const IDLE = 4000;

function showStep() {
  const wanted = location.hash.slice(1);
  let step = STEPS.includes(wanted) ? wanted : "say";
  if (!state.project?.phrase) step = "say";
  for (const one of STEPS) at(one).hidden = one !== step;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${step}`) link.setAttribute("aria-current", "step");
    else link.removeAttribute("aria-current");
  }
  fail("");
  dispatchEvent(new CustomEvent("step", { detail: step }));
}

watch(() => {
  const { phrase, folder } = state.project;
  at("phrase-shown").textContent = phrase ? `: ${phrase}` : "";
  at("folder-shown").textContent = state.visitors ? "a folder of your visit" : folder;
});

async function follow() {
  const busy = state.jobs.some((job) => ["running", "waiting"].includes(job.state));
  await new Promise((resolve) => setTimeout(resolve, busy ? BUSY : IDLE));
  if (!document.hidden || busy) await refresh().catch((error) => fail(error.message));
  follow();
}

try {
  startSay();
  startLook();
  startTrain();
  startKnow();
  startTry();
  await Promise.all([startTake(), refresh()]);
  addEventListener("hashchange", () => { showStep(); at("main").focus(); });
  showStep();
  document.body.dataset.ready = "1";
  follow();
} catch (error) {
  fail(error.message);
}
