// What a constraint speaks of (SPEC sections 5.3 and 5.5): kinds of values, and whether one kind is part
// of another.

import type { Constraint } from "./constraints.js";

// A form of strings is written with a colon: part of the strings, and of nothing but itself.
type Subject = "null" | "boolean" | "integer" | "number" | "string" | "list" | "object" | `string:${string}`;

/** Whether `outer` speaks of everything that `inner` speaks of, hence allows. */
export function speaksOfAllOf(outer: Constraint, inner: Constraint): boolean {
  const whole = subjects(outer);
  const parts = subjects(inner);
  return (
    whole !== undefined && parts !== undefined && parts.every((part) => whole.some((subject) => isPart(part, subject)))
  );
}

function isPart(part: Subject, whole: Subject): boolean {
  if (part === whole) return true;
  return (part === "integer" && whole === "number") || (part.startsWith("string:") && whole === "string");
}

/** Undefined: part of nothing. */
function subjects(constraint: Constraint): readonly Subject[] | undefined {
  switch (constraint.kind) {
    case "anything":
    case "all_of":
    case "any_of":
      return undefined;
    case "exact":
      return [constraint.value.type];
    case "one_of":
    case "not_one_of":
      return constraint.set.members.map((member) => member.type);
    case "integer_range":
      return ["integer"];
    case "decimal_range":
      return ["number"];
    case "decimal_text":
      return ["string:decimal"];
    case "length":
      return ["string", "list"];
    case "prefix":
      return ["string"];
    case "segment_glob":
      return [`string:segments${constraint.separator}`];
    case "sub_path":
      return ["string:path"];
    case "url":
      return ["string:url"];
    case "cidr":
      return ["string:address"];
    case "list_subset":
    case "list_contains":
    case "each":
      return ["list"];
    case "fields":
      return ["object"];
    case "negation":
      return subjects(constraint.inner);
  }
}
