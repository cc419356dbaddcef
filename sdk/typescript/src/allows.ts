// Whether a constraint allows a value (SPEC section 5.3), and the steps that asking takes (section 8.2).

import { parseAddress, liesIn } from "./addresses.js";
import type { Constraint, Kind, OfKind, Parameter, UrlPattern } from "./constraints.js";
import { fromDecimalText, isInteger, type ExactNumber } from "./numbers.js";
import { isWithin } from "./ranges.js";
import type { Steps } from "./steps.js";
import { isAtOrBelow, isInSegments, isPath, matchesSegments } from "./text-forms.js";
import { parseUrl, type Url } from "./urls.js";
import { characters, countValues, sameValue, ScalarSet, type Value } from "./values.js";

/** Whether a constraint allows a value. Refuses (`evaluation_exhausted`) when no steps are left. */
export function allows(constraint: Constraint, value: Value, steps: Steps): boolean {
  steps.take(stepsOf(constraint, value));
  switch (constraint.kind) {
    case "anything":
      return true;
    case "exact":
      return sameValue(constraint.value, value);
    case "one_of":
      return constraint.set.has(value);
    case "not_one_of":
      return constraint.set.hasLike(value) && !constraint.set.has(value);
    case "negation":
      return !allows(constraint.inner, value, steps) && speaksOf(constraint.inner, value);
    case "all_of":
      return constraint.parts.every((part) => allows(part, value, steps));
    case "any_of":
      return constraint.parts.some((part) => allows(part, value, steps));
    default:
      return allowsByType(constraint, value, steps);
  }
}

type ByType = Exclude<Constraint, OfKind<"anything" | "exact" | "negation" | "all_of" | "any_of">>;

function allowsByType(constraint: ByType, value: Value, steps: Steps): boolean {
  switch (value.type) {
    case "number":
      return allowsNumber(constraint, value.number);
    case "string":
      return allowsString(constraint, value.string);
    case "list":
      return allowsList(constraint, value.members, steps);
    case "object":
      return constraint.kind === "fields" && allowsFields(constraint.fields, value.members, steps);
    default:
      return false;
  }
}

function allowsNumber(constraint: ByType, number: ExactNumber): boolean {
  if (constraint.kind === "integer_range") return isInteger(number) && isWithin(number, constraint.range);
  return constraint.kind === "decimal_range" && isWithin(number, constraint.range);
}

function allowsString(constraint: ByType, text: string): boolean {
  switch (constraint.kind) {
    case "decimal_text": {
      const number = fromDecimalText(text);
      return number !== undefined && isWithin(number, constraint.range);
    }
    case "length":
      return hasLength(constraint, characters(text));
    case "prefix":
      return text.startsWith(constraint.text);
    case "segment_glob": {
      const { separator, pieces } = constraint;
      return isInSegments(text, separator) && matchesSegments(pieces, text.split(separator));
    }
    case "sub_path":
      return isPath(text) && isAtOrBelow(text, constraint.path);
    case "url": {
      const url = parseUrl(text);
      return url !== undefined && fitsUrl(constraint.url, url);
    }
    case "cidr": {
      const address = parseAddress(text);
      return address !== undefined && liesIn(address, constraint.network);
    }
    default:
      return false;
  }
}

function allowsList(constraint: ByType, members: readonly Value[], steps: Steps): boolean {
  switch (constraint.kind) {
    case "length":
      return hasLength(constraint, members.length);
    case "list_subset":
      return constraint.set.hasAllOf(members);
    case "list_contains":
      return new ScalarSet(members).hasAllOf(constraint.set.members);
    case "each":
      return members.every((member) => allows(constraint.inner, member, steps));
    default:
      return false;
  }
}

function allowsFields(
  fields: ReadonlyMap<string, Parameter>,
  members: ReadonlyMap<string, Value>,
  steps: Steps,
): boolean {
  const listed = [...members.keys()].every((name) => fields.has(name));
  const given = [...fields].every(([name, { optional }]) => optional || members.has(name));
  if (!listed || !given) return false;
  return [...fields].every(([name, { constraint }]) => {
    const member = members.get(name);
    return member === undefined || allows(constraint, member, steps);
  });
}

/** Whether a constraint that can be negated speaks of a value (S-22, section 5.3). */
export function speaksOf(constraint: Constraint, value: Value): boolean {
  const { type } = value;
  switch (constraint.kind) {
    case "exact":
      return constraint.value.type === type;
    case "one_of":
      return constraint.set.hasLike(value);
    case "integer_range":
      return type === "number" && isInteger(value.number);
    case "decimal_range":
      return type === "number";
    case "decimal_text":
      return type === "string" && fromDecimalText(value.string) !== undefined;
    case "length":
      return type === "string" || type === "list";
    case "prefix":
      return type === "string";
    case "segment_glob":
      return type === "string" && isInSegments(value.string, constraint.separator);
    case "sub_path":
      return type === "string" && isPath(value.string);
    case "url":
      return type === "string" && parseUrl(value.string) !== undefined;
    case "cidr":
      return type === "string" && parseAddress(value.string) !== undefined;
    case "list_subset":
    case "list_contains":
      return type === "list";
    default:
      return false; // is never negated: what is not spoken of is not allowed (S-16)
  }
}

/** Whether the parts of a URL all fit a pattern. */
function fitsUrl(pattern: UrlPattern, url: Url): boolean {
  return (
    pattern.schemes.includes(url.scheme) &&
    (url.host === pattern.host || (pattern.subdomains && url.host.endsWith(`.${pattern.host}`))) &&
    url.port === pattern.port &&
    (pattern.pathPrefix === "" || isAtOrBelow(url.path, pattern.pathPrefix))
  );
}

function hasLength({ minimum, maximum }: OfKind<"length">, length: number): boolean {
  return length >= minimum && (maximum === undefined || length <= maximum);
}

/** The table of section 8.2; what the parts of a constraint take comes on top. */
function stepsOf(constraint: Constraint, value: Value): number {
  if (constraint.kind === "all_of" || constraint.kind === "any_of") return constraint.parts.length;
  if (constraint.kind === "exact") return constraint.value.type === value.type ? stepsOfComposite(constraint.value) : 0;
  switch (value.type) {
    case "string":
      return stepsForString(constraint.kind, value.string);
    case "list":
      return LIST_KINDS.has(constraint.kind) ? value.members.length : 0;
    case "object":
      return constraint.kind === "fields" ? constraint.fields.size + value.members.size : 0;
    default:
      return 0;
  }
}

const LIST_KINDS: ReadonlySet<Kind> = new Set<Kind>(["list_subset", "list_contains", "each"]);

function stepsOfComposite(value: Value): number {
  return value.type === "list" || value.type === "object" ? countValues(value) : 0;
}

function stepsForString(kind: Kind, text: string): number {
  switch (kind) {
    case "length":
    case "sub_path":
      return Math.floor(characters(text) / 64);
    case "url":
      return 8 + Math.floor(characters(text) / 16);
    case "segment_glob":
      return 6 + Math.floor(characters(text) / 16);
    case "decimal_text":
      return 6;
    case "cidr":
      return 24;
    default:
      return 0;
  }
}
