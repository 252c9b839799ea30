// Say it: the phrase, recordings, files, machine voices, the link for others.
import { ask, at, button, ended, fail, make, onPress, play, post, refresh, showCommand, sound,
  startJob, state, watch } from "./common.js";
import { Cutter, levelOf, openMicrophone, readable, wavOf } from "./recorder.js";

/** Recordings that a newcomer makes. */
const FIVE = 5;
/** Recordings of which a wake word can be made. */
const FEWEST = 3;
const LANGUAGES = [["en", "English"], ["de", "Deutsch"], ["fr", "Français"], ["es", "Español"],
  ["it", "Italiano"], ["pt", "Português"], ["nl", "Nederlands"], ["pl", "Polski"], ["ar", "العربية"],
  ["ja", "日本語"], ["zh", "中文"]];
/** Files that are sent at once. */
const AT_ONCE = 3;
/** Megabytes of a file that the server takes: it would hang up in the middle of a larger one. */
const MOST = { learn: 20, held: 20, speech: 500 };

let recording = null;

const big = (text) => { at("say-big").textContent = text; };
const shelf = () => (at("hold").checked ? "held" : "learn");

function address(kind, name, more = {}) {
  const query = new URLSearchParams({ name, ...more });
  const who = at("speaker").value.trim();
  if (who && kind !== "speech") query.set("speaker", who);
  return `/api/recordings/${kind}?${query}`;
}

function showLevel(level) {
  const value = Math.max(-60, Math.min(0, level));
  at("level").value = value;
  at("level").textContent = `${value.toFixed(0)} dB`;
}

/** Add a line for a recording: what was heard in it, to play, keep or throw out. */
function addTake(kind, kept, blob) {
  const line = make("li");
  const text = make("span");
  line.append(text);
  const show = (answer) => {
    const name = answer.names[0];
    line.replaceChildren(text);
    if (name) {
      text.textContent = `${name}: kept. ${answer.about}`;
      text.className = "good";
      line.append(
        button("Play", () => play(sound(kind, name)), { className: "small", ariaLabel: `Play ${name}` }),
        button("Throw out", async () => {
          await post("/api/move", { shelf: kind, name, to: "thrown" });
          line.remove();
          await refresh();
        }, { className: "small", ariaLabel: `Throw out ${name}` }));
      return;
    }
    text.textContent = `Not kept: ${answer.problems.join("; ")}`;
    text.className = "bad";
    const url = URL.createObjectURL(blob);
    line.append(
      button("Play", () => play(url), { className: "small" }),
      button("Keep it anyway", async () => {
        show(await ask(address(kind, "take.wav", { anyway: "1" }), { method: "POST", body: blob }));
        await refresh();
      }, { className: "small" }),
      button("Forget it", () => line.remove(), { className: "small" }));
  };
  show(kept);
  at("takes").prepend(line);
  return kept.names.length > 0;
}

function toggle(on) {
  at("record-stop").hidden = !on;
  at("record-five").disabled = at("record-one").disabled = on;
}

/** Record until so many are kept: each phrase is cut out where it begins and ends. */
async function record(wanted) {
  const kind = shelf();
  const cutter = new Cutter();
  let kept = 0;
  let sending = Promise.resolve();
  toggle(true);
  big("Allow the microphone …");
  try {
    await new Promise((resolve, reject) => {
      const next = () => big(`Say “${state.project.phrase}” (${kept + 1} of ${wanted}), then pause.`);
      const take = async (blob) => {
        const answer = await ask(address(kind, "take.wav"), { method: "POST", body: blob });
        if (addTake(kind, answer, blob)) kept += 1;
        if (kept >= wanted) resolve();
        else if (answer.names.length) next();
        else big(`Once more: ${answer.problems[0]}`);
      };
      const heard = (block, rate) => {
        showLevel(levelOf(block));
        const phrase = cutter.push(block, rate);
        if (!phrase || kept >= wanted) return;
        sending = sending.then(() => (kept < wanted ? take(wavOf(phrase, rate)) : null)).catch(reject);
      };
      recording = { stop: resolve };
      openMicrophone(heard).then((microphone) => {
        recording = { stop: resolve, microphone };
        next();
      }, reject);
    });
    big(`${kept} ${kept === 1 ? "recording was" : "recordings were"} kept.`);
  } catch (error) {
    big("Nothing more is recorded.");
    throw error;
  } finally {
    await recording?.microphone?.stop();
    recording = null;
    showLevel(-60);
    toggle(false);
    await refresh();
  }
}

/** Send files, a few at a time; each says for itself what is wrong with it. */
async function send(files) {
  const kind = at("drop-kind").value;
  const audio = files.filter((one) => !one.name.startsWith("."));
  let done = 0;
  let good = 0;
  const wrong = [];
  at("drop-progress").hidden = false;
  const one = async (file) => {
    try {
      const { blob, name } = await readable(file);
      if (blob.size > 1e6 * MOST[kind]) {
        throw new Error(`${file.name}: more than ${MOST[kind]} MB: cut it` +
          (kind === "speech" ? "" : ", or give it as speech without the phrase"));
      }
      const answer = await ask(address(kind, name, { anyway: "1" }), { method: "POST", body: blob });
      good += 1;
      if (answer.problems.length) wrong.push(`${file.name}: kept, but ${answer.problems[0]}`);
    } catch (error) {
      wrong.push(error.message.includes(file.name) ? error.message : `${file.name}: ${error.message}`);
    }
    done += 1;
    at("drop-progress").value = done / audio.length;
    at("drop-status").textContent = `${done} of ${audio.length}`;
  };
  const queue = [...audio];
  const work = async () => { while (queue.length) await one(queue.shift()); };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  at("drop-progress").hidden = true;
  const shown = wrong.slice(0, 5).join("\n") + (wrong.length > 5 ? `\nand ${wrong.length - 5} more` : "");
  at("drop-status").textContent = `${good} of ${audio.length} were kept. ${shown}`;
  await refresh();
}

/** The files of a drop, also those in folders. */
async function dropped(items) {
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    if (!entry.isDirectory) return;
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const inside of some) await walk(inside);
    }
  };
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) await walk(entry);
  return files;
}

async function showMachines() {
  const rows = [];
  for (const [kind, about] of [["machine", "says the phrase"], ["alike", "says something like it"]]) {
    const { recordings } = await ask(`/api/recordings/${kind}`);
    for (const { name } of recordings.slice(0, 12)) {
      const voice = name.split("_").slice(1, -1).join(" ");
      rows.push(make("li", {}, button("Play", () => play(sound(kind, name)),
        { className: "small", ariaLabel: `Play ${name}` }), make("span", {}, `${voice} ${about}`)));
    }
  }
  at("machines").replaceChildren(...rows);
}

const PARTS = ["learn", "judge"];

/** Say on the buttons what they fetch, and how much that is. */
async function offerSpeech() {
  at("fetch").hidden = state.visitors;
  for (const part of PARTS) {
    const plan = await ask(`/api/plan/fetch?part=${part}`);
    at(`fetch-${part}`).textContent = plan.missing ?? `Fetch ${plan.about}`;
    at(`fetch-${part}`).disabled = Boolean(plan.missing);
  }
}

async function fetchSpeech(part) {
  const job = await startJob("fetch", { part });
  showCommand(at("fetch-command"), job.command);
  at("fetch-status").textContent = `${job.title}: is being fetched. Train it says how far it is.`;
  const end = await ended(job.number);
  at("fetch-status").textContent = end.state === "done" ? `${job.title}: is there.` : end.told.words;
  await offerSpeech();
}

function showInvitation({ link, qr }) {
  at("uninvite").hidden = !link;
  at("invite-link").replaceChildren(...(link ? [make("a", { href: link }, link)] : []));
  at("invite-qr").replaceChildren(...(qr ? [make("img", { alt: `Code of the link ${link}`,
    src: `data:image/svg+xml,${encodeURIComponent(qr)}` })] : []));
}

export function startSay() {
  at("language").replaceChildren(...LANGUAGES.map(([code, name]) => new Option(name, code)));
  at("phrase-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      fail("");
      await post("/api/phrase", { phrase: at("phrase").value, language: at("language").value });
      at("takes").replaceChildren();
      await refresh();
      big("Now record it: five times are a beginning.");
      at("record-five").focus();
    } catch (error) {
      fail(error.message);
    }
  });
  onPress(at("record-five"), () => record(FIVE));
  onPress(at("record-one"), () => record(1));
  onPress(at("record-stop"), () => recording?.stop());
  onPress(at("make-quick"), async () => {
    await startJob("quick");
    location.hash = "#train";
  });
  for (const id of ["files", "folder"]) {
    at(id).addEventListener("change", () => {
      send([...at(id).files]).catch((error) => fail(error.message));
      at(id).value = "";
    });
  }
  const drop = at("drop");
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    dropped(event.dataTransfer.items).then(send).catch((error) => fail(error.message));
  });
  onPress(at("hear"), async () => {
    const plan = await ask("/api/plan/hear");
    if (plan.missing) throw new Error(plan.missing);
    showCommand(at("hear-command"), plan.command);
    at("alike-words").textContent = `${plan.about}: some seconds …`;
    const job = await startJob("hear");
    const end = await ended(job.number);
    at("alike-words").textContent = end.state === "done" ? "" : end.told.words;
    await showMachines();
  });
  for (const part of PARTS) onPress(at(`fetch-${part}`), () => fetchSpeech(part));
  onPress(at("alike"), async () => {
    at("alike-words").textContent = "looking …";
    const { words } = await ask("/api/alike");
    at("alike-words").textContent = words.length
      ? `These sound like it: ${words.join(", ")}.` : "No word in the list sounds like it.";
  });
  onPress(at("invite"), async () => {
    await post("/api/phrase", { licence: at("licence").value });
    showInvitation(await post("/api/invitation"));
  });
  onPress(at("uninvite"), async () => {
    showInvitation(await ask("/api/invitation", { method: "DELETE" }));
    at("invite-status").textContent = "The link leads nowhere now.";
  });
  let shown = null;
  watch(() => {
    const { phrase, counts, language, licence } = state.project;
    at("say-rest").hidden = !phrase;
    at("phrase-next").classList.toggle("main", !phrase);
    if (phrase !== shown) {
      shown = phrase;
      at("phrase").value = phrase;
      at("language").value = language;
      at("licence").value = licence;
      if (phrase) {
        showMachines().catch(() => {});
        offerSpeech().catch(() => {});
        ask("/api/invitation").then(showInvitation).catch(() => {});
      }
    }
    if (!phrase) return;
    const ready = counts.learn >= FEWEST;
    at("make-quick").hidden = !ready || recording !== null;
    at("record-five").classList.toggle("main", !ready);
    at("counts").textContent = `${counts.learn} to learn from, ${counts.held} held back, ` +
      `${counts.other + counts.judge} files of speech without the phrase.`;
    showCommand(at("record-command"), `kws record --label "${phrase}" --output recordings --count 5`);
  });
}

