// Constraints, read from their messages with every check that SPEC section 5 puts on them. There is no
// RE2 here, so that every `regex` is refused (S-9).

import { isIPv4, parseNetwork } from "./addresses.js";
import { ascending, compareText } from "./bytes.js";
import type { Bound, Constraint, Parameter, Range, UrlPattern } from "./constraints.js";
import { Refused } from "./errors.js";
import { checkName, requireField } from "./field-values.js";
import { ARGUMENTS, BRANCHES, NESTING, SCHEMES } from "./limits.js";
import type { ArgumentMessage, ConstraintMessage, DecimalRangeMessage, UrlPatternMessage } from "./chain-messages.js";
import { compareNumbers } from "./numbers.js";
import { readComposite, readDecimal, readInteger, readNumber, readSet, readText } from "./read-values.js";
import { isInSegments, isPath, isSeparator } from "./text-forms.js";
import { isHost, isPort, isScheme, isUrlPath } from "./urls.js";
import type { Value } from "./values.js";

type Members = { readonly [K in keyof ConstraintMessage]: NonNullable<ConstraintMessage[K]> };
type Reading<K extends keyof Members> = (message: Members[K], depth: number) => Constraint;

const READING: { readonly [K in keyof Members]: Reading<K> } = {
  anything: (written) => {
    requireField(written, "anything is written as false");
    return { kind: "anything" };
  },
  exactNull: (written) => {
    requireField(written, "null is written as false");
    return exact({ type: "null" });
  },
  exactBoolean: (boolean) => exact({ type: "boolean", boolean }),
  exactString: (text) => exact({ type: "string", string: readText(text) }),
  exactInteger: (value) => exact({ type: "number", number: readInteger(value) }),
  exactDecimal: (text) => exact({ type: "number", number: readDecimal(text) }),
  exactComposite: (message) => exact(readComposite(message)),
  oneOf: (set) => ({ kind: "one_of", set: readSet(set) }),
  notOneOf: (set) => {
    requireField(!set.hasNull, "not_one_of has null");
    return { kind: "not_one_of", set: readSet(set) };
  },
  integerRange: ({ minimum, maximum }) => {
    const bound = (value: bigint | undefined): Bound | undefined =>
      value === undefined ? undefined : { number: readInteger(value), exclusive: false };
    return { kind: "integer_range", range: checkedRange({ minimum: bound(minimum), maximum: bound(maximum) }) };
  },
  decimalRange: (message) => ({ kind: "decimal_range", range: readRange(message) }),
  decimalText: (message) => ({ kind: "decimal_text", range: readRange(message) }),
  length: ({ minimum, maximum }) => {
    requireField(minimum > 0 || maximum !== undefined, "a length has no bound");
    requireField(maximum === undefined || minimum <= maximum, "a length leaves nothing");
    return { kind: "length", minimum, maximum };
  },
  prefix: (text) => {
    requireField(text !== "", "a prefix is empty");
    return { kind: "prefix", text: readText(text) };
  },
  segmentGlob: ({ pattern, separator }) => readGlob(pattern, separator),
  subPath: (path) => {
    requireField(isPath(readText(path)), "a path is not in normal form");
    return { kind: "sub_path", path };
  },
  url: (message) => ({ kind: "url", url: readUrl(message) }),
  cidr: (text) => {
    const network = parseNetwork(text);
    requireField(network !== undefined, "a network is not in normal form");
    return { kind: "cidr", network };
  },
  listSubset: (set) => ({ kind: "list_subset", set: readSet(set) }),
  listContains: (set) => ({ kind: "list_contains", set: readSet(set) }),
  each: (message, depth) => ({ kind: "each", inner: readConstraint(message, depth + 1) }),
  fields: ({ fields }, depth) => ({ kind: "fields", fields: readParameters(fields, depth + 1) }),
  regex: () => {
    throw new Refused("constraint_unsupported", "regular expressions are not evaluated here");
  },
  negation: (message, depth) => {
    const inner = readConstraint(message, depth + 1);
    requireField(isNegatable(message), "a constraint of this kind cannot be negated");
    return { kind: "negation", inner };
  },
  allOf: ({ constraints }, depth) => ({ kind: "all_of", parts: readParts(constraints, depth) }),
  anyOf: ({ constraints }, depth) => ({ kind: "any_of", parts: readParts(constraints, depth) }),
};

/** Reads a constraint; `depth` counts those around it, itself included (S-10). */
export function readConstraint(message: ConstraintMessage | undefined, depth = 1): Constraint {
  if (depth > NESTING) throw new Refused("nesting_too_deep", "constraints are nested too deep");
  for (const [kind, content] of Object.entries(message ?? {})) {
    if (content !== undefined) return (READING[kind as keyof Members] as Reading<never>)(content as never, depth);
  }
  throw new Refused("constraint_unsupported", "a constraint has no kind");
}

/** Reads the arguments of a capability, or the fields of `fields` (S-6, S-7, S-14). */
export function readParameters(messages: readonly ArgumentMessage[], depth = 1): Map<string, Parameter> {
  if (messages.length > ARGUMENTS) throw new Refused("too_many_arguments", "there are too many arguments");
  for (const { name } of messages) checkName(name, "name");
  requireField(
    ascending(messages, (a, b) => compareText(a.name, b.name)),
    "names are not sorted, or not unique",
  );
  return new Map(
    messages.map(({ name, optional, constraint }) => [
      name,
      { optional, constraint: readConstraint(constraint, depth) },
    ]),
  );
}

function exact(value: Value): Constraint {
  return { kind: "exact", value };
}

function readParts(constraints: readonly ConstraintMessage[], depth: number): Constraint[] {
  if (constraints.length > BRANCHES) throw new Refused("too_many_values", "there are too many constraints in one");
  requireField(constraints.length > 0, "a list of constraints is empty");
  return constraints.map((constraint) => readConstraint(constraint, depth + 1));
}

function readRange(message: DecimalRangeMessage): Range {
  const { minimumExclusive, maximumExclusive } = message;
  requireField(!(minimumExclusive && message.minimum === ""), "a bound is exclusive and absent");
  requireField(!(maximumExclusive && message.maximum === ""), "a bound is exclusive and absent");
  const bound = (text: string, exclusive: boolean): Bound | undefined =>
    text === "" ? undefined : { number: readNumber(text), exclusive };
  return checkedRange({
    minimum: bound(message.minimum, minimumExclusive),
    maximum: bound(message.maximum, maximumExclusive),
  });
}

function checkedRange(range: Range): Range {
  const { minimum, maximum } = range;
  requireField(minimum !== undefined || maximum !== undefined, "a range has no bound");
  if (minimum === undefined || maximum === undefined) return range;
  const order = compareNumbers(minimum.number, maximum.number);
  requireField(order < 0 || (order === 0 && !minimum.exclusive && !maximum.exclusive), "a range leaves nothing");
  return range;
}

function readGlob(pattern: string, written: string): Constraint {
  requireField(written === "" || isSeparator(written), "a separator is not one of those that there are");
  const separator = written === "" ? "/" : written;
  requireField(pattern !== "" && isInSegments(readText(pattern), separator), "a pattern is not in segments");
  const pieces = pattern.split(separator);
  const wild = pieces.every(
    (piece, index) => !piece.includes("*") || piece === "*" || (piece === "**" && index === pieces.length - 1),
  );
  requireField(wild, "a piece of a pattern has an asterisk that means nothing");
  return { kind: "segment_glob", separator, pieces };
}

function readUrl({ schemes, host, subdomains, port, pathPrefix }: UrlPatternMessage): UrlPattern {
  requireField(schemes.length >= 1 && schemes.length <= SCHEMES, "a URL has no scheme, or too many");
  requireField(schemes.every(isScheme) && ascending(schemes, compareText), "schemes are not normal, sorted, unique");
  requireField(
    isHost(host) && !(subdomains && isIPv4(host)),
    "a host is not in normal form, or can have no subdomains",
  );
  requireField(
    port === undefined || schemes.every((scheme) => isPort(port, scheme)),
    "a port is out of range, or the default of a scheme",
  );
  const prefix = isUrlPath(readText(pathPrefix)) && (pathPrefix === "/" || !pathPrefix.endsWith("/"));
  requireField(prefix, "the path of a URL is not in normal form");
  return { schemes, host, subdomains, port, pathPrefix };
}

/** S-22: kinds 3 to 8, 10 to 20 and 23; a `one_of` without null. */
function isNegatable(message: ConstraintMessage): boolean {
  const { anything, exactNull, notOneOf, oneOf, each, fields, negation, allOf, anyOf } = message;
  if (oneOf?.hasNull === true) return false;
  return [anything, exactNull, notOneOf, each, fields, negation, allOf, anyOf].every((kind) => kind === undefined);
}
