// Values of a constraint, one by one, where there are few enough (SPEC section 5.5, rule 5 of N-7).

import { allows } from "./allows.js";
import type { Constraint, Range } from "./constraints.js";
import { COMPARED_INTEGERS } from "./limits.js";
import { compareNumbers, integer } from "./numbers.js";
import type { Steps } from "./steps.js";
import type { Value } from "./values.js";

/** All values that a constraint allows, or undefined if they cannot be listed. */
export function listed(constraint: Constraint, steps: Steps): readonly Value[] | undefined {
  switch (constraint.kind) {
    case "exact":
      return [constraint.value];
    case "one_of":
      return constraint.set.members;
    case "integer_range":
      return integersOf(constraint.range);
    case "decimal_range":
      return onlyNumberOf(constraint.range);
    case "all_of": {
      for (const part of constraint.parts) {
        const values = listed(part, steps);
        if (values !== undefined) return values.filter((value) => allowsListed(constraint, value, steps));
      }
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Whether a constraint allows a listed value: a step for the value, and what asking takes (N-8). */
export function allowsListed(constraint: Constraint, value: Value, steps: Steps): boolean {
  steps.take(1);
  return allows(constraint, value, steps);
}

function integersOf({ minimum, maximum }: Range): Value[] | undefined {
  if (minimum === undefined || maximum === undefined) return undefined;
  const first = minimum.number.digits;
  const size = maximum.number.digits - first + 1n;
  if (size > COMPARED_INTEGERS) return undefined;
  return Array.from({ length: Number(size) }, (_, index) => ({
    type: "number",
    number: integer(first + BigInt(index)),
  }));
}

function onlyNumberOf({ minimum, maximum }: Range): Value[] | undefined {
  if (minimum === undefined || maximum === undefined) return undefined;
  const { number } = minimum;
  return compareNumbers(number, maximum.number) === 0 ? [{ type: "number", number }] : undefined;
}
