// Typed values (SPEC section 5.1): what constraints speak of. Two numbers are the same value if they
// are equal; values of different types never are.

import { compareText } from "./bytes.js";
import { compareNumbers, type ExactNumber } from "./numbers.js";

export type Value =
  | { readonly type: "null" }
  | { readonly type: "boolean"; readonly boolean: boolean }
  | { readonly type: "number"; readonly number: ExactNumber }
  | { readonly type: "string"; readonly string: string }
  | { readonly type: "list"; readonly members: readonly Value[] }
  | { readonly type: "object"; readonly members: ReadonlyMap<string, Value> };

export function sameValue(a: Value, b: Value): boolean {
  switch (a.type) {
    case "null":
      return b.type === "null";
    case "boolean":
      return b.type === "boolean" && a.boolean === b.boolean;
    case "number":
      return b.type === "number" && compareNumbers(a.number, b.number) === 0;
    case "string":
      return b.type === "string" && a.string === b.string;
    case "list":
      return b.type === "list" && sameList(a.members, b.members);
    case "object":
      return b.type === "object" && sameObject(a.members, b.members);
  }
}

/** A text that is the same for the same scalar, and for no other; undefined for what is no scalar. */
export function scalarKey(value: Value): string | undefined {
  switch (value.type) {
    case "null":
      return "null";
    case "boolean":
      return String(value.boolean);
    case "number":
      return `${value.number.digits}/${value.number.places}`;
    case "string":
      return `"${value.string}`;
    default:
      return undefined;
  }
}

/** A set of scalars. */
export class ScalarSet {
  readonly #keys: ReadonlySet<string | undefined>;

  /** `members` stand in the order in which they are listed (SPEC section 5.5). */
  constructor(readonly members: readonly Value[]) {
    this.#keys = new Set(members.map(scalarKey));
  }

  has(value: Value): boolean {
    return this.#keys.has(scalarKey(value) ?? NO_SCALAR);
  }

  hasAllOf(values: readonly Value[]): boolean {
    return values.every((value) => this.has(value));
  }

  /** Whether a member is of the type of a value. */
  hasLike(value: Value): boolean {
    return this.members.some((member) => member.type === value.type);
  }
}

const NO_SCALAR = "list or object"; // no key of a scalar

/** How many values there are in a value, itself included. */
export function countValues(value: Value): number {
  let total = 1;
  if (value.type === "list" || value.type === "object") {
    for (const member of value.members.values()) total += countValues(member);
  }
  return total;
}

/** Characters are code points, not the halves that JavaScript counts. */
export function characters(text: string): number {
  let total = 0;
  for (const _ of text) total++;
  return total;
}

/** The names of an object in the order of their UTF-8 bytes. */
export function sortedNames(members: ReadonlyMap<string, unknown>): string[] {
  return [...members.keys()].sort(compareText);
}

function sameList(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, index) => sameValue(value, b[index] as Value));
}

function sameObject(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, value]) => {
    const other = b.get(name);
    return other !== undefined && sameValue(value, other);
  });
}
