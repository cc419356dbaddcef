// A call's arguments: from JSON to typed values, their RFC 8785 form and digest (S-1, S-2, A-3, P-1).

import { sha256, utf8 } from "./bytes.js";
import { Refused } from "./errors.js";
import { parseJson, type Json, type JsonObject } from "./json.js";
import { ARGUMENT_BYTES, ARGUMENT_VALUES, EXPONENT_VALUES, SAFE_INTEGER, VALUE_NESTING } from "./limits.js";
import { fromDouble, isInteger } from "./numbers.js";
import type { Value } from "./values.js";

/** Below this, RFC 8785 writes a number with an exponent. */
const WRITTEN_OUT = 1e-6;

/** The arguments of one call, as they were sent. */
export interface Arguments {
  readonly values: ReadonlyMap<string, Value>;
  /** RFC 8785. */
  readonly canonicalJson: Uint8Array;
  /** SHA-256 of it: what a proof is about. */
  readonly digest: Uint8Array;
}

/** Takes arguments that arrived as bytes: these have to be exactly the RFC 8785 form (A-3). */
export function argumentsFromBytes(bytes: Uint8Array): Arguments {
  if (bytes.length > ARGUMENT_BYTES) throw tooLarge();
  const result = argumentsFromJson(bytes);
  if (Buffer.compare(bytes, result.canonicalJson) !== 0) throw wrong("the arguments are not in RFC 8785 form");
  return result;
}

/** Takes arguments that are JSON in any spelling. */
export function argumentsFromJson(bytes: Uint8Array): Arguments {
  return argumentsFromObject(parseJson(bytes));
}

/** Takes arguments that are an object of what `JSON.parse` makes. */
export function argumentsFromObject(json: Json): Arguments {
  if (!isObject(json)) throw wrong("the arguments are no object");
  const counter = { values: 0 };
  const values = objectMembers(json, counter, 0);
  const canonicalJson = utf8(canonical(json));
  if (canonicalJson.length > ARGUMENT_BYTES) throw tooLarge();
  return { values, canonicalJson, digest: sha256(canonicalJson) };
}

/** One typed value from what `JSON.parse` makes. */
export function valueFromJson(json: Json, counter = { values: 0 }, depth = 0): Value {
  if (++counter.values > ARGUMENT_VALUES) throw tooLarge();
  switch (typeof json) {
    case "boolean":
      return { type: "boolean", boolean: json };
    case "number":
      if (json !== 0 && Math.abs(json) < WRITTEN_OUT) counter.values += EXPONENT_VALUES - 1;
      if (counter.values > ARGUMENT_VALUES) throw tooLarge();
      return numberValue(json);
    case "string":
      return { type: "string", string: scalarText(json) };
  }
  if (json === null) return { type: "null" };
  if (depth >= VALUE_NESTING) throw wrong("the arguments are nested too deep");
  if (Array.isArray(json)) {
    return { type: "list", members: Array.from(json, (member: Json) => valueFromJson(member, counter, depth + 1)) };
  }
  if (!isObject(json)) throw wrong("an argument is of no JSON type");
  return { type: "object", members: objectMembers(json, counter, depth + 1) };
}

function objectMembers(json: JsonObject, counter: { values: number }, depth: number): Map<string, Value> {
  return new Map(
    Object.entries(json).map(([name, member]) => [scalarText(name), valueFromJson(member, counter, depth)]),
  );
}

function numberValue(json: number): Value {
  if (!Number.isFinite(json)) throw wrong("a number is not finite");
  const number = fromDouble(json);
  const inRange = number.digits >= -SAFE_INTEGER && number.digits <= SAFE_INTEGER;
  if (isInteger(number) && !inRange) throw wrong("an integer is out of range");
  return { type: "number", number };
}

function scalarText(text: string): string {
  if (!text.isWellFormed()) throw wrong("a string has half a character");
  return text;
}

/** RFC 8785: JavaScript writes strings and numbers as it says; names go by their UTF-16 units. */
function canonical(json: Json): string {
  if (Array.isArray(json)) return `[${json.map((member) => canonical(member as Json)).join(",")}]`;
  if (!isObject(json)) return JSON.stringify(json);
  const names = Object.keys(json).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(json[name] as Json)}`).join(",")}}`;
}

function isObject(json: unknown): json is JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return false;
  const prototype: unknown = Object.getPrototypeOf(json);
  return prototype === Object.prototype || prototype === null;
}

function wrong(detail: string): Refused {
  return new Refused("arguments_invalid", detail);
}

function tooLarge(): Refused {
  return new Refused("arguments_too_large", "the arguments are too large");
}
