// Look at it: each recording as a picture, with what is wrong with it, the worst first.
import { ask, at, button, make, onPress, play, post, refresh, sound, state, watch } from "./common.js";

/** Where a recording may go. */
const PLACES = [["learn", "Learn from it"], ["held", "Hold it back"], ["other", "Is something else"]];
/** Shelves that nobody changes by hand. */
const FIXED = ["machine", "alike"];

let page = 0;
let shown = "";
/** Which question for a page is the latest: answers to earlier ones are too late. */
let asked = 0;

function card(shelf, row) {
  const { name, findings, seconds, start, end, version } = row;
  const list = make("li", { className: "card" });
  const spoken = seconds === undefined ? "" : `${seconds} s, the phrase from ${start} to ${end} s`;
  if (seconds !== undefined) {
    list.append(make("img", { loading: "lazy", width: 320, height: 120,
      alt: `Waveform and spectrogram of ${name}, ${spoken}`,
      src: `/api/picture/${shelf}/${encodeURIComponent(name)}?v=${version}` }));
  }
  list.append(make("p", {}, make("strong", {}, name), ` ${spoken}`));
  for (const { kind, about } of findings) {
    list.append(make("p", { className: "bad" }, `${kind}: ${about}`));
  }
  const row1 = make("div", { className: "row" });
  row1.append(button("Play", () => play(sound(shelf, name)), { className: "small", ariaLabel: `Play ${name}` }));
  if (!FIXED.includes(shelf)) {
    const move = (to) => async () => {
      await post("/api/move", { shelf, name, to });
      list.remove();
      at("look-status").textContent = `${name} was moved.`;
      await refresh();
    };
    if (shelf !== "thrown") {
      row1.append(button("Throw out", move("thrown"), { className: "small", ariaLabel: `Throw out ${name}` }));
    }
    for (const [to, text] of PLACES) {
      if (to !== shelf) {
        row1.append(button(text, move(to), { className: "small", ariaLabel: `${text}: ${name}` }));
      }
    }
    if (["learn", "held"].includes(shelf) && seconds !== undefined) list.append(trimmer(shelf, row));
  }
  list.insertBefore(row1, list.querySelector("details"));
  return list;
}

function trimmer(shelf, { name, seconds, start, end }) {
  const from = make("input", { type: "number", min: 0, max: seconds, step: 0.05,
    value: Math.max(0, start - 0.3).toFixed(2), ariaLabel: `Keep ${name} from second` });
  const to = make("input", { type: "number", min: 0, max: seconds, step: 0.05,
    value: Math.min(seconds, end + 0.3).toFixed(2), ariaLabel: `Keep ${name} up to second` });
  const cut = button("Cut", async () => {
    await post("/api/trim", { shelf, name, start: Number(from.value), end: Number(to.value) });
    at("look-status").textContent = `${name} was cut; the whole one is among what was thrown out.`;
    await showPage();
    await refresh();
  }, { className: "small", ariaLabel: `Cut ${name}` });
  return make("details", {}, make("summary", {}, "Trim"),
    make("div", { className: "row" }, from, "to", to, "s", cut));
}

async function showPage() {
  const mine = ++asked;
  const shelf = at("shelf").value;
  const query = new URLSearchParams({ page, order: at("order").value });
  let found = await ask(`/api/recordings/${shelf}?${query}`);
  if (mine !== asked) return;
  showRows(shelf, found);
  const first = JSON.stringify(found.recordings);
  while (found.pending) { // of a thousand recordings some are looked at for each answer
    at("look-status").textContent = `${found.count} recordings, of which ${found.count - found.pending} were looked at …`;
    found = await ask(`/api/recordings/${shelf}?${query}`);
    if (mine !== asked) return;
  }
  // what a person looks at is replaced only if it is another
  if (JSON.stringify(found.recordings) === first) showCount(shelf, found);
  else showRows(shelf, found);
}

function showRows(shelf, found) {
  page = Math.min(page, found.pages - 1);
  at("cards").replaceChildren(...found.recordings.map((row) => card(shelf, row)));
  at("page-shown").textContent = `page ${page + 1} of ${found.pages}`;
  at("page-before").disabled = page === 0;
  at("page-next").disabled = page + 1 >= found.pages;
  showCount(shelf, found);
}

function showCount(shelf, found) {
  at("look-status").textContent = found.count
    ? `${found.count} recordings, ${found.with_findings} of them to look at.`
    : "Nothing lies here.";
  shown = `${shelf} ${found.count}`;
}

export function startLook() {
  for (const id of ["shelf", "order"]) {
    at(id).addEventListener("change", () => { page = 0; showPage().catch(() => {}); });
  }
  onPress(at("page-before"), () => { page -= 1; return showPage(); });
  onPress(at("page-next"), () => { page += 1; return showPage(); });
  onPress(at("compare"), async () => {
    at("look-status").textContent = "comparing them, as kws enroll does …";
    const { unlike, recordings } = await post("/api/unlike");
    page = 0;
    await showPage();
    at("look-status").textContent = `${unlike} of ${recordings} are little like the others.`;
  });
  addEventListener("step", ({ detail }) => { if (detail === "look") showPage().catch(() => {}); });
  watch(() => {
    const counts = state.project.counts;
    const shelf = at("shelf").value;
    if (!at("look").hidden && shown && shown !== `${shelf} ${counts[shelf] ?? 0}`) showPage().catch(() => {});
  });
}
