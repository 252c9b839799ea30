// The microphone: its level, and phrases cut out of it where they begin and end.

/** Seconds before a phrase and after it that are kept. */
const BEFORE = 0.5;
const AFTER = 0.6;
/** Seconds of quiet that end a phrase: pauses between its words are shorter. */
const QUIET = 0.6;
/** Seconds of the longest phrase. */
const LONGEST = 3.5;
/** Decibels above the room from which something is said, and the least level for that. */
const ABOVE = 12;
const LEAST = -50;
/** Blocks by whose levels the room is known. */
const ROOM = 150;

export async function openMicrophone(onBlock) {
  if (!navigator.mediaDevices) {
    throw new Error("this browser gives the microphone to pages of localhost and of HTTPS alone");
  }
  const media = await navigator.mediaDevices.getUserMedia({
    // the models know plain microphones: what calls need only distorts words
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/pages/capture-worklet.js");
  const node = new AudioWorkletNode(context, "capture", {
    numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = ({ data }) => onBlock(data, context.sampleRate);
  context.createMediaStreamSource(media).connect(node);
  await context.resume();
  return {
    sampleRate: context.sampleRate,
    stop() {
      for (const track of media.getTracks()) track.stop();
      return context.close();
    },
  };
}

/** Level of samples in decibels of full scale. */
export function levelOf(samples) {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  return 10 * Math.log10(power / samples.length + 1e-10);
}

/** The quiet of a room: a fifth of what was heard lately is below it. */
export class Room {
  #levels = [];

  push(level) {
    this.#levels.push(level);
    if (this.#levels.length > ROOM) this.#levels.shift();
  }

  get level() {
    if (this.#levels.length < 5) return -70;
    const sorted = [...this.#levels].sort((a, b) => a - b);
    return Math.max(-90, sorted[Math.floor(sorted.length / 5)]);
  }
}

/** Cuts phrases out of a stream, each with some quiet around it. */
export class Cutter {
  #blocks = [];
  #room = new Room();
  #loud = 0;
  #quiet = 0;
  #begun = null;

  /** Take a block; returns the samples of a phrase that it completes, or null. */
  push(block, rate) {
    const seconds = block.length / rate;
    const level = levelOf(block);
    const threshold = Math.max(LEAST, this.#room.level + ABOVE);
    this.#blocks.push(block);
    if (this.#begun === null) {
      this.#room.push(level);
      this.#loud = level > threshold ? this.#loud + 1 : 0;
      const before = Math.ceil(BEFORE / seconds);
      if (this.#loud < 2) {
        while (this.#blocks.length > before + 1) this.#blocks.shift();
        return null;
      }
      this.#begun = this.#blocks.length;
      this.#quiet = 0;
      return null;
    }
    this.#quiet = level > threshold - 4 ? 0 : this.#quiet + seconds;
    const length = (this.#blocks.length - this.#begun) * seconds;
    if (this.#quiet < Math.max(QUIET, AFTER) && length < LONGEST) return null;
    const phrase = join(this.#blocks);
    this.#blocks = [];
    this.#begun = null;
    this.#loud = 0;
    return phrase;
  }
}

export function join(blocks) {
  const joined = new Float32Array(blocks.reduce((sum, one) => sum + one.length, 0));
  let place = 0;
  for (const block of blocks) {
    joined.set(block, place);
    place += block.length;
  }
  return joined;
}

/** A WAV file of 16-bit mono samples. */
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (place, letters) =>
    [...letters].forEach((letter, n) => view.setUint8(place + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, n) =>
    view.setInt16(44 + 2 * n, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true));
  return new Blob([view], { type: "audio/wav" });
}

/** What a server reads as it is; all else the browser decodes. */
const READ = /\.(wav|flac|ogg|mp3)$/i;

/** A file that the server reads: of a telephone's recorder a WAV is made here. */
export async function readable(file) {
  if (READ.test(file.name)) return { blob: file, name: file.name };
  const context = new OfflineAudioContext(1, 1, 16000);
  let decoded;
  try {
    decoded = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name}: is no recording that this browser knows`);
  }
  const wav = wavOf(decoded.getChannelData(0), decoded.sampleRate);
  return { blob: wav, name: file.name.replace(/\.[^.]*$/, "") + ".wav" };
}
