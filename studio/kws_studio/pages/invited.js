// The page of those who were invited: it records, and does nothing else.
import { ask, at, fail, make, onPress } from "./common.js";
import { Cutter, levelOf, openMicrophone, readable, wavOf } from "./recorder.js";

const FIVE = 5;
const here = location.pathname.replace(/\/$/, "");
let phrase = "";

async function send(blob) {
  const query = new URLSearchParams({ consent: at("consent").checked ? "1" : "0", speaker: at("speaker").value.trim() });
  const answer = await ask(`${here}/take?${query}`, { method: "POST", body: blob });
  const text = answer.kept ? `Kept. ${answer.about}` : `Not kept: ${answer.problems.join("; ")}`;
  at("takes").prepend(make("li", { className: answer.kept ? "good" : "bad" }, text));
  return answer;
}

async function record() {
  const cutter = new Cutter();
  let kept = 0;
  let microphone = null;
  let sending = Promise.resolve();
  at("say-big").textContent = "Allow the microphone …";
  try {
    await new Promise((resolve, reject) => {
      const next = () => { at("say-big").textContent = `Say “${phrase}” (${kept + 1} of ${FIVE}), then pause.`; };
      openMicrophone((block, rate) => {
        at("level").value = Math.max(-60, levelOf(block));
        const cut = cutter.push(block, rate);
        if (!cut || kept >= FIVE) return;
        sending = sending.then(async () => {
          if (kept >= FIVE) return;
          const answer = await send(wavOf(cut, rate));
          if (answer.kept) kept += 1;
          if (kept >= FIVE) resolve();
          else if (answer.kept) next();
          else at("say-big").textContent = `Once more: ${answer.problems[0]}`;
        }).catch(reject);
      }).then((opened) => { microphone = opened; next(); }, reject);
    });
    at("say-big").textContent = "Thank you!";
  } finally {
    await microphone?.stop();
    at("level").value = -60;
  }
}

at("consent").addEventListener("change", () => {
  at("record").disabled = at("file").disabled = !at("consent").checked;
});
onPress(at("record"), record);
at("file").addEventListener("change", async () => {
  try {
    fail("");
    for (const file of at("file").files) await send((await readable(file)).blob);
  } catch (error) {
    fail(error.message);
  }
  at("file").value = "";
});

try {
  const about = await ask(`${here}/about`);
  phrase = about.phrase;
  at("phrase").textContent = `“${phrase}”`;
  at("licence").textContent = about.licence === "private" ? "for this project alone" : about.licence;
  // over plain HTTP a browser lends its microphone to nobody, but a phone's recorder gives a file
  const recorder = !navigator.mediaDevices;
  at("record").hidden = recorder;
  at("file").hidden = at("file-label").hidden = !recorder;
  document.body.dataset.ready = "1";
} catch (error) {
  fail(error.message);
}
