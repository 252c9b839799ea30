// The audio thread of kws.js: samples at the context's rate in, detections out.
import { KeywordSpotter } from "./kws.js";

/** Times in a second of audio that scores are told, where they are asked for. */
const TOLD = 20;

class KwsProcessor extends AudioWorkletProcessor {
  #spotter = null;
  #stopped = false;
  #tellsScores = false;
  #untold = 0; // samples since the scores were told

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.stop) {
        this.#stopped = true;
        return;
      }
      try {
        this.#spotter = new KeywordSpotter(data.source, { sampleRate });
        this.#tellsScores = data.scores;
        this.port.postMessage({ ready: true });
      } catch (error) {
        this.port.postMessage({ error: String(error.message ?? error) });
      }
    };
  }

  process([channels]) {
    if (this.#spotter && channels.length > 0) {
      for (const detection of this.#spotter.process(mean(channels))) {
        this.port.postMessage(detection);
      }
      this.#untold += channels[0].length;
      if (this.#tellsScores && this.#untold >= sampleRate / TOLD) {
        this.#untold = 0;
        this.port.postMessage({ scores: this.#spotter.scores });
      }
    }
    return !this.#stopped;
  }
}

/** One channel of several. */
function mean(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, n) => channels.reduce((sum, one) => sum + one[n], 0) / channels.length);
}

registerProcessor("kws", KwsProcessor);
