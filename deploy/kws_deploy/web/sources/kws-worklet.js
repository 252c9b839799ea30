// The audio thread of kws.js: samples at the context's rate in, detections out.
import { KeywordSpotter } from "./kws.js";

class KwsProcessor extends AudioWorkletProcessor {
  #spotter = null;
  #stopped = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.stop) {
        this.#stopped = true;
        return;
      }
      try {
        this.#spotter = new KeywordSpotter(data.source, { sampleRate });
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
