// Take it: a button and a command for each place where a model may run.
import { ask, at, button, ended, fail, fill, make, onPress, sayWhetherModel, showCommand, startJob,
  state, watch } from "./common.js";

let forms = [];
let machines = [];
/** The machine that was chosen last. */
let machine = "";
let before = "";

const model = () => state.models.find((one) => one.name === at("take-model").value);

function card(title, about, command, ...deeds) {
  return make("div", { className: "card" }, make("h3", {}, title), make("p", {}, about),
    make("div", { className: "row" }, ...deeds),
    make("code", { className: "command", hidden: !command }, command));
}

const link = (address, text) => make("a", { href: address, download: "" }, text);

/** Wait for a command whose progress is shown; what went wrong is thrown, and no longer under way. */
async function finished(job) {
  const end = await ended(job.number);
  if (end.state === "done") return end;
  at("take-status").textContent = "";
  throw new Error(end.told.words);
}

function exported({ name, about }, found) {
  const there = found.exports.includes(name);
  const choice = name === "binary" ? make("select", { ariaLabel: "Machine" }) : null;
  const values = () => ({ model: found.name, form: name, ...(choice && { machine: choice.value }) });
  const maker = button(there ? "Make it anew" : "Make it", async () => {
    at("take-status").textContent = `${about}: is being made …`;
    const end = await finished(await startJob("export", values()));
    at("take-status").textContent = `${about}: lies in ${end.makes}.`;
  }, { ariaLabel: `${there ? "Make it anew" : "Make it"}: ${about}` });
  const made = card(name, `For ${about}.`, "", ...(choice ? [choice] : []), maker,
    ...(there ? [link(`/api/take/export/${encodeURIComponent(found.name)}/${name}`, "Download (ZIP)")] : []));
  const show = async () => {
    const { command, missing } = await ask(`/api/plan/export?${new URLSearchParams(values())}`);
    maker.disabled = Boolean(missing);
    made.querySelector("p").textContent = missing ? `For ${about}: ${missing}.` : `For ${about}.`;
    showCommand(made.lastChild, command ?? "");
  };
  if (choice) {
    fill(choice, machines.map((one) => [one.name, one.about]), machine);
    choice.addEventListener("change", () => {
      machine = choice.value;
      show().catch((error) => fail(error.message));
    });
  }
  show().catch((error) => fail(error.message));
  return made;
}

/** What a model is not made in, and what to do about it. */
function elsewhere(found) {
  const others = forms.filter((one) => !found.forms.includes(one.name));
  const places = others.map((one) => one.about).join("; ");
  if (found.enrolled) {
    return card("Other places", `A quick wake word runs in Python alone. Make a good one, and it goes to ${places}.`, "");
  }
  if (others.length > 1) {
    return card("Other places", `This one is for devices of ESPHome. The model that it learned from goes to ${places}.`, "");
  }
  const phrase = state.project.phrase.replaceAll("'", "'\\''");
  return card("esphome", `For ${places}, whose devices hear in a way of their own: this command, in the ` +
    "project's folder, makes a model for them of this one, which then is offered here.",
    `kws distill models/${found.name} --frontend micro --positives 'recordings/${phrase}' ` +
    `--negatives other_speech/learn --output models/${found.stem}_esphome.tflite`);
}

function showForms() {
  const found = model();
  at("push").disabled = !found || state.visitors;
  sayWhetherModel(at("take-status"), found);
  if (!found) {
    at("forms").replaceChildren();
    return;
  }
  const file = `models/${found.name}`;
  const address = `/api/take/model/${encodeURIComponent(found.name)}`;
  const cards = [
    card("Python", "On a Raspberry Pi or any Linux board.", `kws listen --model ${file}`,
      link(address, "Download the model")),
    card("Home Assistant", "Over the Wyoming protocol.", `kws serve --uri tcp://0.0.0.0:10400 --model ${file}`,
      link(address, "Download the file for it")),
  ];
  if (!state.visitors) {
    cards.push(...forms.filter((one) => found.forms.includes(one.name)).map((one) => exported(one, found)));
  }
  if (forms.length && (found.enrolled || !state.visitors)) cards.push(elsewhere(found));
  at("forms").replaceChildren(...cards);
}

export async function startTake() {
  const begin = () => {
    at("take-status").textContent = "";
    showForms();
  };
  at("take-model").addEventListener("change", begin);
  onPress(at("push"), async () => {
    const job = await startJob("push", { model: model().name, repository: at("repository").value.trim(),
      private: at("private").checked });
    at("take-status").textContent = `${job.command}: is at work …`;
    await finished(job);
    at("take-status").textContent = `It is on the Hub: ${at("repository").value.trim()}.`;
  });
  onPress(at("phone"), async () => {
    const { link: address, qr } = await ask("/api/phone");
    at("phone-qr").replaceChildren(make("img", { alt: `Code of ${address}`,
      src: `data:image/svg+xml,${encodeURIComponent(qr)}` }));
  });
  watch(() => {
    fill(at("take-model"), state.models.filter((one) => one.usable).map((one) => [one.name, one.stem]));
    at("phone").hidden = !state.reachable;
    at("phone-about").textContent = state.reachable
      ? "The code has the token in it: show it to nobody whom you would not let in."
      : "Start the studio with --host 0.0.0.0, and with --certificate and --key: a phone asks for HTTPS.";
    // of recordings, too, depends what can be made: some exports are checked on them
    const now = JSON.stringify([model() ?? null, state.visitors, forms.length, state.project]);
    if (now !== before) showForms();
    before = now;
  });
  ({ forms, machines } = await ask("/api/forms"));
  if (state.project) showForms();
}
