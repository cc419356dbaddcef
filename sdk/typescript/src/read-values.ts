// Values inside constraints, read from their messages: numbers, sets, composites (S-3, S-10, S-11, S-15).

import { ascending, compareText } from "./bytes.js";
import { Refused } from "./errors.js";
import { requireField } from "./field-values.js";
import { NESTING, SAFE_INTEGER, SET_VALUES, TEXT_BYTES } from "./limits.js";
import type { ScalarSetMessage, ValueMessage } from "./chain-messages.js";
import { compareNumbers, fromNormalForm, integer, isInteger, type ExactNumber } from "./numbers.js";
import { ScalarSet, type Value } from "./values.js";

/** A string of at most `TEXT_BYTES`. */
export function readText(text: string): string {
  requireField(Buffer.byteLength(text, "utf8") <= TEXT_BYTES, "a string is too long");
  return text;
}

/** An integer within ±`SAFE_INTEGER`. */
export function readInteger(value: bigint): ExactNumber {
  requireField(value >= -SAFE_INTEGER && value <= SAFE_INTEGER, "an integer is out of range");
  return integer(value);
}

/** A number in decimal normal form, integer or not. */
export function readNumber(text: string): ExactNumber {
  const number = fromNormalForm(text);
  requireField(number !== undefined, "a number is not in decimal normal form");
  return number;
}

/** A number in decimal normal form that is not an integer. */
export function readDecimal(text: string): ExactNumber {
  const number = readNumber(text);
  requireField(!isInteger(number), "an integer is written as a decimal");
  return number;
}

/** A set of scalars; S-11. */
export function readSet(set: ScalarSetMessage): ScalarSet {
  const flags = [set.hasTrue, set.hasFalse, set.hasNull].filter(Boolean).length;
  const size = set.strings.length + set.integers.length + set.decimals.length + flags;
  if (size > SET_VALUES) throw new Refused("too_many_values", "a set has too many members");
  requireField(size > 0, "a set is empty");
  const integers = set.integers.map(readInteger);
  const decimals = set.decimals.map(readDecimal);
  const sorted =
    ascending(set.strings, compareText) && ascending(integers, compareNumbers) && ascending(decimals, compareNumbers);
  requireField(sorted, "a set is not sorted, or has a member twice");
  return new ScalarSet([
    ...set.strings.map((text): Value => ({ type: "string", string: readText(text) })),
    ...[...integers, ...decimals].sort(compareNumbers).map((number): Value => ({ type: "number", number })),
    ...(set.hasTrue ? [{ type: "boolean", boolean: true } as const] : []),
    ...(set.hasFalse ? [{ type: "boolean", boolean: false } as const] : []),
    ...(set.hasNull ? [{ type: "null" } as const] : []),
  ]);
}

/** The value of an `exact_composite`: a list or an object. */
export function readComposite(message: ValueMessage): Value {
  requireField(message.list !== undefined || message.object !== undefined, "a composite is no list or object");
  return readValue(message, 1);
}

function readValue(message: ValueMessage | undefined, depth: number): Value {
  if (depth > NESTING) throw new Refused("nesting_too_deep", "values are nested too deep");
  requireField(message !== undefined, "a value is missing");
  if (message.null !== undefined) {
    requireField(message.null, "a null is written as false");
    return { type: "null" };
  }
  if (message.boolean !== undefined) return { type: "boolean", boolean: message.boolean };
  if (message.string !== undefined) return { type: "string", string: readText(message.string) };
  if (message.integer !== undefined) return { type: "number", number: readInteger(message.integer) };
  if (message.decimal !== undefined) return { type: "number", number: readDecimal(message.decimal) };
  if (message.list !== undefined) {
    return { type: "list", members: message.list.values.map((value) => readValue(value, depth + 1)) };
  }
  requireField(message.object !== undefined, "a value has no kind");
  const { members } = message.object;
  requireField(
    ascending(members, (a, b) => compareText(a.name, b.name)),
    "members are not sorted, or not unique",
  );
  return { type: "object", members: new Map(members.map((m) => [readText(m.name), readValue(m.value, depth + 1)])) };
}
