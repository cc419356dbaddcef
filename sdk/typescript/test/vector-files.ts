// Conformance vectors as they stand in proto/vectors: reading the files, and failing on whatever their
// README does not name.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { join } from "../src/bytes.js";

export const PROTO = fileURLToPath(new URL("../../../../proto/", import.meta.url));

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Members = { readonly [name: string]: Json };

export interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly requires: readonly string[];
  readonly input: Members;
  readonly expect: Members;
}

export interface VectorFile {
  readonly area: string;
  readonly vectors: readonly Vector[];
}

const REQUIREMENTS = ["re2"];

/** Every file of vectors, in the order of their names. */
export function readVectorFiles(): VectorFile[] {
  const names = readdirSync(`${PROTO}vectors`).filter((name) => name.endsWith(".json") && name !== "schema.json");
  return names.sort().map((name) => readFile(JSON.parse(readFileSync(`${PROTO}vectors/${name}`, "utf8")) as Json));
}

function readFile(json: Json): VectorFile {
  const { format, area, vectors } = members(json, ["format", "area", "says", "vectors"]);
  assert.equal(format, 1, "a file of another format");
  return { area: text(area), vectors: list(vectors).map(readVector) };
}

function readVector(json: Json): Vector {
  const vector = members(json, ["id", "kind", "says", "spec", "input", "expect"], ["requires", "note"]);
  const requires = vector["requires"] === undefined ? [] : list(vector["requires"]).map(text);
  for (const requirement of requires) assert.ok(REQUIREMENTS.includes(requirement), `requires ${requirement}`);
  return {
    id: text(vector["id"]),
    kind: text(vector["kind"]),
    requires,
    input: object(vector["input"]),
    expect: object(vector["expect"]),
  };
}

/** An object that has all of the first members, perhaps the others, and nothing else. */
export function members(
  json: Json | undefined,
  required: readonly string[],
  optional: readonly string[] = [],
): Members {
  const result = object(json);
  for (const name of required) assert.ok(Object.hasOwn(result, name), `member ${name} is missing`);
  for (const name of Object.keys(result)) {
    assert.ok(required.includes(name) || optional.includes(name), `member ${name} is not known`);
  }
  return result;
}

export function object(json: Json | undefined): Members {
  assert.ok(typeof json === "object" && json !== null && !Array.isArray(json), "not an object");
  return json;
}

export function list(json: Json | undefined): readonly Json[] {
  assert.ok(Array.isArray(json), "not a list");
  return json;
}

export function text(json: Json | undefined): string {
  assert.ok(typeof json === "string", "not a string");
  return json;
}

export function number(json: Json | undefined): number {
  assert.ok(typeof json === "number", "not a number");
  return json;
}

export function fromHex(json: Json | undefined): Uint8Array {
  assert.match(text(json), /^(?:[0-9a-f]{2})*$/, "not hexadecimal");
  return new Uint8Array(Buffer.from(text(json), "hex"));
}

/** A member that holds bytes: hexadecimal, text, a repetition, or a list of these. */
export function bytes(json: Json | undefined): Uint8Array {
  if (typeof json === "string") return fromHex(json);
  if (Array.isArray(json)) return join(...json.map(bytes));
  if (Object.hasOwn(object(json), "text")) return new Uint8Array(Buffer.from(text(members(json, ["text"])["text"])));
  const { repeat, times } = members(json, ["repeat", "times"]);
  const once = bytes(repeat);
  return new Uint8Array(Buffer.alloc(once.length * number(times), once));
}
