// The audio thread: blocks of 1,024 samples of the first channel.
registerProcessor("capture", class extends AudioWorkletProcessor {
  #block = new Float32Array(1024);
  #filled = 0;

  process([channels]) {
    if (!channels.length) return true;
    for (const sample of channels[0]) {
      this.#block[this.#filled++] = sample;
      if (this.#filled === this.#block.length) {
        this.port.postMessage(this.#block.slice());
        this.#filled = 0;
      }
    }
    return true;
  }
});
