// Keyword spotting in the browser and in Node: see kws.d.ts and README.md.

/** Bytes of a detection in the module's memory, as kws_web.c lays it out. */
const EVENT_BYTES = 32;

/** Where kws.wasm lies: beside this file. Asked for when needed, as a worklet knows no URL. */
const beside = () => new URL("kws.wasm", import.meta.url);

/** The module itself, its bytes, or the bytes of the file where it lies. */
function load(source) {
  const given = source instanceof WebAssembly.Module || source instanceof ArrayBuffer;
  return given || ArrayBuffer.isView(source) ? source : readBytes(source);
}

/** The bytes of a file: by fetch, or in Node, which fetches no files, from the disk. */
async function readBytes(source) {
  const url = new URL(source, import.meta.url);
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import(/* webpackIgnore: true */ "node:fs/promises");
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: cannot be loaded (${response.status})`);
  return response.arrayBuffer();
}

export class KeywordSpotter {
  #exports;

  /** Make a spotter of a module or its bytes; `load` reads these, too. */
  constructor(source, { sampleRate } = {}) {
    const compiled = source instanceof WebAssembly.Module;
    const module = compiled ? source : new WebAssembly.Module(source);
    this.#exports = new WebAssembly.Instance(module).exports;
    this.modelSampleRate = this.#exports.sampleRate();
    this.sampleRate = sampleRate ?? this.modelSampleRate;
    if (!Number.isInteger(this.sampleRate) || !this.#exports.open(this.sampleRate)) {
      const shown = typeof sampleRate === "string" ? `"${sampleRate}"` : sampleRate;
      throw new RangeError(`sampleRate ${shown}: give a whole number from 4000 to 384000`);
    }
    this.labels = this.#texts(this.#exports.label);
    this.keywords = this.#texts(this.#exports.keyword);
  }

  static async load(source = beside(), options = {}) {
    const loaded = await load(source);
    const compiled = loaded instanceof WebAssembly.Module;
    return new KeywordSpotter(compiled ? loaded : await WebAssembly.compile(loaded), options);
  }

  /** Smoothed score of each keyword at present: what is compared with its threshold. */
  get scores() {
    const score = (keyword) => this.#exports.score(this.labels.indexOf(keyword));
    return Object.fromEntries(this.keywords.map((keyword) => [keyword, score(keyword)]));
  }

  process(samples) {
    const isFloat = samples instanceof Float32Array;
    if (!isFloat && !(samples instanceof Int16Array)) {
      throw new TypeError("samples: give a Float32Array (-1 to 1) or an Int16Array");
    }
    const { capacity, input, memory, process } = this.#exports;
    const room = new Float32Array(memory.buffer, input(), capacity());
    const found = [];
    for (let start = 0; start < samples.length; start += room.length) {
      const part = samples.subarray(start, start + room.length);
      if (isFloat) room.set(part);
      else part.forEach((sample, n) => (room[n] = sample / 32768));
      found.push(...this.#detections(process(part.length)));
    }
    return found;
  }

  flush() {
    const found = this.#detections(this.#exports.flush());
    this.reset();
    return found;
  }

  reset() {
    this.#exports.reset();
  }

  #detections(count) {
    const { events, memory } = this.#exports;
    return Array.from({ length: count }, (_, n) => {
      const at = new DataView(memory.buffer, events() + n * EVENT_BYTES, EVENT_BYTES);
      return {
        keyword: this.labels[at.getInt32(24, true)],
        score: at.getFloat64(16, true),
        start: at.getFloat64(0, true),
        end: at.getFloat64(8, true),
      };
    });
  }

  /** The texts that a function of the module points to, up to the first that is not there. */
  #texts(pointer) {
    const texts = [];
    for (let address = pointer(0); address !== 0; address = pointer(texts.length)) {
      const bytes = new Uint8Array(this.#exports.memory.buffer, address);
      const codes = Array.from(bytes.subarray(0, bytes.indexOf(0)), (byte) =>
        "%" + byte.toString(16).padStart(2, "0"));
      texts.push(decodeURIComponent(codes.join(""))); // a worklet has no TextDecoder
    }
    return texts;
  }
}

/** Spot keywords in what a node of Web Audio gives, off the page's thread. */
export async function createSpotterNode(context, options = {}) {
  const { source = beside(), onDetection, onScores } = options;
  const loaded = await load(source);
  await context.audioWorklet.addModule(new URL("kws-worklet.js", import.meta.url));
  const node = new AudioWorkletNode(context, "kws", { numberOfOutputs: 0 });
  await new Promise((resolve, reject) => {
    node.onprocessorerror = () => reject(new Error("kws-worklet.js: has failed"));
    node.port.onmessage = ({ data }) => {
      if (data.ready) return resolve();
      if (data.error) return reject(new Error(data.error));
      return data.scores ? onScores?.(data.scores) : onDetection?.(data);
    };
    node.port.postMessage({ source: loaded, scores: Boolean(onScores) });
  });
  return node;
}

/** Spot keywords in the microphone until `stop` is called. */
export async function listen(onDetection, { source, context = new AudioContext() } = {}) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: {
      channelCount: 1,
      // the models know plain microphones: what calls need only distorts words
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
    },
  });
  const node = await createSpotterNode(context, { source, onDetection });
  context.createMediaStreamSource(stream).connect(node);
  await context.resume();
  return {
    stop() {
      for (const track of stream.getTracks()) track.stop();
      node.port.postMessage({ stop: true });
      return context.close();
    },
  };
}
