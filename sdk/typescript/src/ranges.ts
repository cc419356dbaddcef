// Ranges of numbers, compared by their bounds.

import type { Bound, Range } from "./constraints.js";
import { compareNumbers, type ExactNumber } from "./numbers.js";

/** Whether a number lies between the bounds. */
export function isWithin(number: ExactNumber, { minimum, maximum }: Range): boolean {
  return (
    (minimum === undefined || isPast(minimum, compareNumbers(number, minimum.number))) &&
    (maximum === undefined || isPast(maximum, compareNumbers(maximum.number, number)))
  );
}

/** Whether each bound of a parent is present in the child, and there at least as strict. */
export function isRangeWithin(child: Range, parent: Range): boolean {
  return (
    isAsStrict(child.minimum, parent.minimum, (a, b) => compareNumbers(a, b)) &&
    isAsStrict(child.maximum, parent.maximum, (a, b) => compareNumbers(b, a))
  );
}

/** Whether the bounds of two ranges leave no number to both. */
export function areApart(a: Range, b: Range): boolean {
  return isBefore(a.maximum, b.minimum) || isBefore(b.maximum, a.minimum);
}

function isPast(bound: Bound, order: number): boolean {
  return order > 0 || (order === 0 && !bound.exclusive);
}

function isAsStrict(
  child: Bound | undefined,
  parent: Bound | undefined,
  order: (a: ExactNumber, b: ExactNumber) => number,
): boolean {
  if (parent === undefined) return true;
  if (child === undefined) return false;
  const compared = order(child.number, parent.number);
  return compared > 0 || (compared === 0 && (child.exclusive || !parent.exclusive));
}

function isBefore(maximum: Bound | undefined, minimum: Bound | undefined): boolean {
  if (maximum === undefined || minimum === undefined) return false;
  const order = compareNumbers(maximum.number, minimum.number);
  return order < 0 || (order === 0 && (maximum.exclusive || minimum.exclusive));
}
