// JSON (RFC 8259) from bytes, as I-JSON wants it: UTF-8, and no name twice in an object. `JSON.parse`
// keeps the last of two members with one name, silently; a tool behind a guard may keep the first.

import { Refused } from "./errors.js";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]/gs;

/** Refuses (`arguments_invalid`) what is not JSON, and an object with a name twice. */
export function parseJson(bytes: Uint8Array): Json {
  try {
    const text = UTF8.decode(bytes);
    const json = JSON.parse(text) as Json;
    if (!repeatsName(text)) return json;
  } catch {
    // refused below
  }
  throw new Refused("arguments_invalid", "the arguments are not JSON with distinct names");
}

/** Whether an object in a text that is JSON has a name twice. */
function repeatsName(text: string): boolean {
  const open: (Set<string> | undefined)[] = []; // the names so far, for an object; undefined for a list
  let previous = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token.startsWith('"') && (previous === "{" || previous === ",")) {
      const names = open.at(-1);
      const name = JSON.parse(token) as string;
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
    previous = token;
  }
  return false;
}
