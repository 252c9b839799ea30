// Take it: a button and a command for each place where a model may run.
import { ask, at, button, ended, fill, make, onPress, showCommand, startJob, state, watch } from "./common.js";

let forms = [];
let before = "";

const model = () => state.models.find((one) => one.name === at("take-model").value);

function card(title, about, command, ...deeds) {
  return make("div", { className: "card" }, make("h3", {}, title), make("p", {}, about),
    make("div", { className: "row" }, ...deeds), make("code", { className: "command" }, command));
}

const link = (address, text) => make("a", { href: address, download: "" }, text);

function exported({ name, about }, found) {
  const there = found.exports.includes(name);
  const command = make("code", { className: "command" });
  const folder = `exports/${found.stem}/${name}`;
  const out = { binary: `${folder}/${found.stem}`, onnx: `${folder}/${found.stem}.onnx` };
  command.textContent = `kws export models/${found.name} --to ${name} --output ${out[name] ?? folder}`;
  const row = make("div", { className: "row" });
  row.append(button(there ? "Make it anew" : "Make it", async () => {
    at("take-status").textContent = `${about}: is being made …`;
    const job = await startJob("export", { model: found.name, form: name });
    showCommand(command, job.command);
    const end = await ended(job.number);
    if (end.state !== "done") throw new Error(end.told.words);
    at("take-status").textContent = `${about}: lies in ${end.makes}.`;
  }, { ariaLabel: `Make it: ${about}` }));
  if (there) row.append(link(`/api/take/export/${encodeURIComponent(found.name)}/${name}`, "Download (ZIP)"));
  return make("div", { className: "card" }, make("h3", {}, name), make("p", {}, `For ${about}.`), row, command);
}

function showForms() {
  const found = model();
  at("push").disabled = !found || state.visitors;
  if (!found) {
    at("forms").replaceChildren();
    at("take-status").textContent = "There is no model yet: make one in Train it.";
    return;
  }
  at("take-status").textContent = "";
  const file = `models/${found.name}`;
  const download = link(`/api/take/model/${encodeURIComponent(found.name)}`, "Download the model");
  const cards = [
    card("Python", "On a Raspberry Pi or any Linux board.", `kws listen --model ${file}`, download),
    card("Home Assistant", "Over the Wyoming protocol.", `kws serve --uri tcp://0.0.0.0:10400 --model ${file}`,
      link(`/api/take/model/${encodeURIComponent(found.name)}`, "Download the file for it")),
  ];
  if (found.enrolled) {
    cards.push(make("div", { className: "card" }, make("h3", {}, "Other places"),
      make("p", {}, "A quick wake word runs in Python alone. Make a good one, and it goes to " +
        forms.map((one) => one.about).join("; ") + ".")));
  } else if (!state.visitors) cards.push(...forms.map((one) => exported(one, found)));
  at("forms").replaceChildren(...cards);
}

export async function startTake() {
  at("take-model").addEventListener("change", showForms);
  onPress(at("push"), async () => {
    const job = await startJob("push", { model: model().name, repository: at("repository").value.trim(),
      private: at("private").checked });
    at("take-status").textContent = `${job.command}: is at work …`;
    const end = await ended(job.number);
    if (end.state !== "done") throw new Error(end.told.words);
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
    const now = JSON.stringify([model() ?? null, state.visitors, forms.length]);
    if (now !== before) showForms();
    before = now;
  });
  forms = (await ask("/api/forms")).forms;
  if (state.project) showForms();
}
