// Whether a child is disjoint from what its parent negates (SPEC section 5.5, after the table).

import { liesIn } from "./addresses.js";
import { negated, type Constraint } from "./constraints.js";
import { allowsListed } from "./listing.js";
import { areApart } from "./ranges.js";
import type { Steps } from "./steps.js";
import { isAtOrBelow } from "./text-forms.js";

type Covers = (parent: Constraint, child: Constraint, steps: Steps) => boolean;

/** Whether no value is allowed by both, by the first rule that applies. */
export function areDisjoint(excluded: Constraint, child: Constraint, steps: Steps, covers: Covers): boolean {
  if (excluded.kind === "exact") return !allowsListed(child, excluded.value, steps);
  if (excluded.kind === "one_of") return !excluded.set.members.some((value) => allowsListed(child, value, steps));
  if (isRange(excluded) && isRange(child)) return areApart(excluded.range, child.range);
  if (excluded.kind === "sub_path" && child.kind === "sub_path") {
    return !isAtOrBelow(excluded.path, child.path) && !isAtOrBelow(child.path, excluded.path);
  }
  if (excluded.kind === "prefix" && child.kind === "prefix") {
    return !excluded.text.startsWith(child.text) && !child.text.startsWith(excluded.text);
  }
  if (excluded.kind === "cidr" && child.kind === "cidr") {
    return !liesIn(excluded.network, child.network) && !liesIn(child.network, excluded.network);
  }
  const spared = negated(child);
  return spared !== undefined && covers(spared, excluded, steps);
}

function isRange(
  constraint: Constraint,
): constraint is Constraint & { readonly kind: "integer_range" | "decimal_range" } {
  return constraint.kind === "integer_range" || constraint.kind === "decimal_range";
}
