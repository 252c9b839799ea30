// node spot.mjs FOLDER PROGRAM: runs a test's program with the exported module as `kws`, and prints
// what it returns as JSON. `read(path)` gives the 32-bit floats of a file.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, program] = process.argv.slice(2);
const kws = await import(pathToFileURL(`${folder}/kws.js`));
const read = async (path) => {
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const { constructor: AsyncFunction } = Object.getPrototypeOf(async () => {});
const result = await new AsyncFunction("kws", "read", "folder", program)(kws, read, folder);
console.log(JSON.stringify(result));
