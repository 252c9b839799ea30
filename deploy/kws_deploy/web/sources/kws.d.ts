/** A keyword that was said. Times are in seconds since the beginning, or the last `reset`. */
export interface Detection {
  keyword: string;
  /** Smoothed posterior, 0 to 1. */
  score: number;
  start: number;
  end: number;
}

/** Where kws.wasm is: its address, its bytes, or the compiled module. */
export type Source = string | URL | BufferSource | WebAssembly.Module;

export interface SpotterOptions {
  /** Of the samples that will come, in Hz: 4000 to 384000. Without it, that of the model. */
  sampleRate?: number;
}

/** Finds keywords in a stream of audio. Independent of the microphone: for any samples. */
export class KeywordSpotter {
  /** Make a spotter at once. Of bytes, a page's own thread may compile few: use `load` there. */
  constructor(source: WebAssembly.Module | BufferSource, options?: SpotterOptions);
  /** Load kws.wasm, which lies beside kws.js unless a source is given. */
  static load(source?: Source, options?: SpotterOptions): Promise<KeywordSpotter>;
  /** Names of all that the network tells apart, those in underscores included. */
  readonly labels: readonly string[];
  /** Names of what is detected. */
  readonly keywords: readonly string[];
  /** Of the samples that `process` takes, in Hz. */
  readonly sampleRate: number;
  /** Of the model, in Hz; the samples are resampled to it. */
  readonly modelSampleRate: number;
  /** Smoothed score of each keyword at present, 0 to 1: what is compared with its threshold. */
  readonly scores: Readonly<Record<string, number>>;
  /** Take any number of mono samples, floats of -1 to 1 or integers; give what they complete. */
  process(samples: Float32Array | Int16Array): Detection[];
  /** End a recording: give what is still to be detected, and start anew. */
  flush(): Detection[];
  /** Forget the past: the next sample is at time 0. */
  reset(): void;
}

export interface NodeOptions {
  source?: Source;
  onDetection?: (detection: Detection) => void;
  /** Called twenty times a second of audio with the score of each keyword, to draw them. */
  onScores?: (scores: Record<string, number>) => void;
}

/** Make a node of Web Audio that spots keywords on the audio thread, at the context's rate. */
export function createSpotterNode(
  context: BaseAudioContext,
  options?: NodeOptions,
): Promise<AudioWorkletNode>;

export interface ListenOptions {
  source?: Source;
  /** Its rate may be any; `new AudioContext({ sampleRate: 16000 })` saves the resampling. */
  context?: AudioContext;
}

/** Spot keywords in the microphone; asks for it. Call it from a click. */
export function listen(
  onDetection: (detection: Detection) => void,
  options?: ListenOptions,
): Promise<{ stop(): Promise<void> }>;
