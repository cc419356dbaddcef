// Whether one constraint covers another (SPEC section 5.5): the rules of N-7 in their order, counting as
// N-8 says. Sound, and normative where they say no.

import { negated, type Constraint, type Kind, type OfKind, type Parameter } from "./constraints.js";
import { areDisjoint } from "./disjoint.js";
import { liesIn } from "./addresses.js";
import { allowsListed, listed } from "./listing.js";
import { isRangeWithin } from "./ranges.js";
import { speaksOfAllOf } from "./speaks.js";
import type { Steps } from "./steps.js";
import { isAtOrBelow, isPath, matchesSegments } from "./text-forms.js";
import { characters } from "./values.js";

/** Whether every value that the child allows is allowed by the parent, as far as the rules can tell. */
export function covers(parent: Constraint, child: Constraint, steps: Steps): boolean {
  steps.take(1);
  if (child.kind === "any_of") return child.parts.every((part) => covers(parent, part, steps)); // 1
  if (parent.kind === "all_of") return parent.parts.every((part) => covers(part, child, steps)); // 2
  if (parent.kind === "anything") return true; // 3
  const rule = PAIRS.get(`${parent.kind} ${child.kind}`);
  if (rule !== undefined) return rule(parent, child, steps); // 4
  const values = listed(child, steps);
  if (values !== undefined) return values.every((value) => allowsListed(parent, value, steps)); // 5
  if (parent.kind === "any_of" && parent.parts.some((part) => covers(part, child, steps))) return true; // 6
  if (child.kind === "all_of") return child.parts.some((part) => covers(parent, part, steps)); // 6, 7
  return coversByDisjointness(parent, child, steps); // 8, 9
}

function coversByDisjointness(parent: Constraint, child: Constraint, steps: Steps): boolean {
  const excluded = negated(parent);
  if (excluded === undefined || !speaksOfAllOf(excluded, child)) return false;
  return areDisjoint(excluded, child, steps, covers);
}

/** How the parameters of a child are not within those of its parent (N-1 to N-3): which, and why. */
export function parametersGrow(
  parent: ReadonlyMap<string, Parameter>,
  child: ReadonlyMap<string, Parameter>,
  steps: Steps,
): { readonly name: string; readonly why: "unlisted" | "optional" | "wider" | "missing" } | undefined {
  for (const [name, { optional, constraint }] of child) {
    const permitted = parent.get(name);
    if (permitted === undefined) return { name, why: "unlisted" };
    if (optional && !permitted.optional) return { name, why: "optional" };
    if (!covers(permitted.constraint, constraint, steps)) return { name, why: "wider" };
  }
  for (const [name, { optional }] of parent) {
    if (!optional && !child.has(name)) return { name, why: "missing" };
  }
  return undefined;
}

type Rule<P extends Kind, C extends Kind> = (parent: OfKind<P>, child: OfKind<C>, steps: Steps) => boolean;

const PAIRS = new Map<string, Rule<Kind, Kind>>();

function pair<P extends Kind, C extends Kind>(parent: P, child: C, rule: Rule<P, C>): void {
  PAIRS.set(`${parent} ${child}`, rule as unknown as Rule<Kind, Kind>);
}

pair("integer_range", "integer_range", (parent, child) => isRangeWithin(child.range, parent.range));
pair("decimal_range", "decimal_range", (parent, child) => isRangeWithin(child.range, parent.range));
pair("decimal_range", "integer_range", (parent, child) => isRangeWithin(child.range, parent.range));
pair("decimal_text", "decimal_text", (parent, child) => isRangeWithin(child.range, parent.range));

pair("length", "length", (parent, child) => {
  const below = parent.maximum === undefined || (child.maximum !== undefined && child.maximum <= parent.maximum);
  return child.minimum >= parent.minimum && below;
});
pair("length", "prefix", (parent, child) => isLongEnough(parent, characters(child.text)));
pair("length", "sub_path", (parent, child) => isLongEnough(parent, characters(child.path)));
pair("length", "segment_glob", (parent, child, steps) => {
  steps.take(child.pieces.length);
  const pattern = child.pieces.map((piece) => (piece === "**" ? "*" : piece)).join(child.separator);
  return isLongEnough(parent, characters(pattern));
});
pair("length", "list_contains", (parent, child) => isLongEnough(parent, child.set.members.length));

pair("prefix", "prefix", (parent, child) => child.text.startsWith(parent.text));
pair("prefix", "sub_path", (parent, child) => child.path.startsWith(parent.text));
pair("prefix", "segment_glob", (parent, child, steps) => {
  steps.take(child.pieces.length);
  const pieces = literalPieces(child);
  const open = pieces.length < child.pieces.length && pieces.length > 0 ? child.separator : "";
  return `${pieces.join(child.separator)}${open}`.startsWith(parent.text);
});

pair("segment_glob", "segment_glob", (parent, child, steps) => {
  steps.take(parent.pieces.length);
  return parent.separator === child.separator && matchesPattern(parent.pieces, child.pieces);
});
pair("segment_glob", "sub_path", (parent, child, steps) => {
  steps.take(parent.pieces.length);
  const open = parent.separator === "/" && parent.pieces.at(-1) === "**";
  return open && matchesSegments(parent.pieces, child.path.split("/"));
});
pair("sub_path", "sub_path", (parent, child) => isAtOrBelow(child.path, parent.path));
pair("sub_path", "segment_glob", (parent, child, steps) => {
  steps.take(child.pieces.length);
  const [first, ...others] = child.pieces;
  if (child.separator !== "/" || first !== "" || others.length === 0 || others.includes("")) return false;
  const path = literalPieces(child).join("/");
  return parent.path === "/" || (isPath(path) && isAtOrBelow(path, parent.path));
});

pair("url", "url", ({ url: parent }, { url: child }) => {
  const same = child.host === parent.host && (parent.subdomains || !child.subdomains);
  const anyPath = parent.pathPrefix === "" || parent.pathPrefix === "/";
  return (
    child.schemes.every((scheme) => parent.schemes.includes(scheme)) &&
    (same || (parent.subdomains && child.host.endsWith(`.${parent.host}`))) &&
    child.port === parent.port &&
    (anyPath || (child.pathPrefix !== "" && isAtOrBelow(child.pathPrefix, parent.pathPrefix)))
  );
});
pair("cidr", "cidr", (parent, child) => liesIn(child.network, parent.network));

pair("list_subset", "list_subset", (parent, child, steps) => {
  steps.take(child.set.members.length);
  return parent.set.hasAllOf(child.set.members);
});
pair("list_subset", "each", (parent, child, steps) => covers({ kind: "one_of", set: parent.set }, child.inner, steps));
pair("list_contains", "list_contains", (parent, child, steps) => {
  steps.take(parent.set.members.length);
  return child.set.hasAllOf(parent.set.members);
});
pair("each", "each", (parent, child, steps) => covers(parent.inner, child.inner, steps));
pair("each", "list_subset", (parent, child, steps) => covers(parent.inner, { kind: "one_of", set: child.set }, steps));
pair("each", "list_contains", (parent) => parent.inner.kind === "anything");
pair("fields", "fields", (parent, child, steps) => parametersGrow(parent.fields, child.fields, steps) === undefined);

/** A parent's pattern over a child's: the same piece for each, or one that stands for it. */
function matchesPattern(parent: readonly string[], child: readonly string[]): boolean {
  const open = parent.at(-1) === "**";
  const fixed = open ? parent.slice(0, -1) : parent;
  if (open ? child.length <= fixed.length : child.length !== fixed.length) return false;
  const starts = fixed.every((piece, index) => {
    const below = child[index];
    return piece === "*" ? below !== "" && below !== "**" : below === piece;
  });
  return starts && child.slice(fixed.length).every((piece) => piece !== "");
}

/** The pieces of a pattern before the first `*` or `**`. */
function literalPieces({ pieces }: OfKind<"segment_glob">): readonly string[] {
  const first = pieces.findIndex((piece) => piece === "*" || piece === "**");
  return first === -1 ? pieces : pieces.slice(0, first);
}

function isLongEnough({ minimum, maximum }: OfKind<"length">, length: number): boolean {
  return maximum === undefined && length >= minimum;
}
