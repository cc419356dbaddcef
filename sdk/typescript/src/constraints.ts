// Constraints as values (SPEC section 5.3): a predicate over one typed value. Reading them from a
// token is read-constraint.ts, deciding by them allows.ts, comparing them covers.ts.

import type { Network } from "./addresses.js";
import type { ExactNumber } from "./numbers.js";
import type { ScalarSet, Value } from "./values.js";

/** One constraint. The six kinds `exact_…` are one here: they differ in the type of their value. */
export type Constraint =
  | { readonly kind: "anything" }
  | { readonly kind: "exact"; readonly value: Value }
  | { readonly kind: "one_of" | "not_one_of" | "list_subset" | "list_contains"; readonly set: ScalarSet }
  | { readonly kind: "integer_range" | "decimal_range" | "decimal_text"; readonly range: Range }
  | { readonly kind: "length"; readonly minimum: number; readonly maximum: number | undefined }
  | { readonly kind: "prefix"; readonly text: string }
  | { readonly kind: "segment_glob"; readonly separator: string; readonly pieces: readonly string[] }
  | { readonly kind: "sub_path"; readonly path: string }
  | { readonly kind: "url"; readonly url: UrlPattern }
  | { readonly kind: "cidr"; readonly network: Network }
  | { readonly kind: "each" | "negation"; readonly inner: Constraint }
  | { readonly kind: "fields"; readonly fields: ReadonlyMap<string, Parameter> }
  | { readonly kind: "all_of" | "any_of"; readonly parts: readonly Constraint[] };

export type Kind = Constraint["kind"];
export type OfKind<K extends Kind> = Constraint & { readonly kind: K };

/** What is permitted for one argument of a capability, or one field of an object. */
export interface Parameter {
  readonly optional: boolean;
  readonly constraint: Constraint;
}

/** Bounds of a number; an absent one is none. */
export interface Range {
  readonly minimum: Bound | undefined;
  readonly maximum: Bound | undefined;
}

export interface Bound {
  readonly number: ExactNumber;
  readonly exclusive: boolean;
}

export interface UrlPattern {
  readonly schemes: readonly string[];
  readonly host: string;
  readonly subdomains: boolean;
  readonly port: number | undefined;
  /** Empty: any path. */
  readonly pathPrefix: string;
}

/** The constraint that a negative one negates: of `not_one_of`, the `one_of` with the same members. */
export function negated(constraint: Constraint): Constraint | undefined {
  if (constraint.kind === "negation") return constraint.inner;
  if (constraint.kind === "not_one_of") return { kind: "one_of", set: constraint.set };
  return undefined;
}
