// Whether a link is narrower than the link before it (SPEC section 5.4): every field by its rule.

import { parametersGrow } from "./covers.js";
import { Refused } from "./errors.js";
import type { Link } from "./link.js";
import { compareNumbers } from "./numbers.js";
import { capabilityFor, type Capability, type Condition, type Scope } from "./scope.js";
import type { Steps } from "./steps.js";

/** Refuses (`scope_grew`, `evaluation_exhausted`) a child that is not narrower than its parent. */
export function checkNarrower(parent: Link, child: Link, steps: Steps): void {
  if (child.notBeforeMs < parent.notBeforeMs) throw grew("not_before_ms", parent.notBeforeMs, child.notBeforeMs);
  if (child.expiresAtMs > parent.expiresAtMs) throw grew("expires_at_ms", parent.expiresAtMs, child.expiresAtMs);
  if (child.remainingDepth >= parent.remainingDepth) {
    throw grew("remaining_depth", `less than ${parent.remainingDepth}`, child.remainingDepth);
  }
  checkScope(parent.scope, child.scope, steps);
}

/** Checks that a scope permits no more than another: of links, and of a ceiling. */
export function checkScope(parent: Scope, child: Scope, steps: Steps): void {
  for (const [index, capability] of child.capabilities.entries()) {
    const field = `scope.capabilities[${index}]`;
    const permitted = capabilityFor(parent, capability.audience, capability.tool);
    if (permitted === undefined) throw grew(field, "no capability for this tool", "one");
    checkArguments(permitted, capability, field, steps);
    checkConditions(permitted, capability, field);
  }
}

function checkArguments(parent: Capability, child: Capability, field: string, steps: Steps): void {
  if (parent.parameters === undefined) return;
  if (child.parameters === undefined) throw grew(field, "listed arguments", "any arguments");
  const growth = parametersGrow(parent.parameters, child.parameters, steps);
  if (growth === undefined) return;
  const [permitted, asked] = WORDS[growth.why];
  throw grew(`${field}.arguments[${JSON.stringify(growth.name)}]`, permitted, asked);
}

const WORDS = {
  unlisted: ["no such argument", "one"],
  optional: ["a required argument", "an optional one"],
  wider: ["fewer values", "values beyond them"],
  missing: ["a required argument", "none"],
} as const;

/** N-9. */
function checkConditions(parent: Capability, child: Capability, field: string): void {
  for (const condition of parent.conditions) {
    if (!child.conditions.some((candidate) => isAsStrict(candidate, condition))) {
      throw grew(`${field}.conditions`, `a ${condition.kind}`, "none as strict");
    }
  }
}

function isAsStrict(child: Condition, parent: Condition): boolean {
  if (child.kind === "call_count" && parent.kind === "call_count") return child.maximum <= parent.maximum;
  if (child.kind === "budget" && parent.kind === "budget") {
    return child.argument === parent.argument && compareNumbers(child.maximum, parent.maximum) <= 0;
  }
  if (child.kind === "approval" && parent.kind === "approval") {
    const among = child.approvers.every((approver) => parent.approvers.includes(approver));
    return among && child.threshold >= parent.threshold;
  }
  return false;
}

function grew(field: string, parent: string | number, child: string | number): Refused {
  const growth = { field, parent: String(parent), child: String(child) };
  return new Refused("scope_grew", `${field} is not within what the link before permits`, { growth });
}
