// Scopes: capabilities with their arguments and conditions (SPEC section 5.2), read from messages.

import { ascending, compareText } from "./bytes.js";
import type { Parameter } from "./constraints.js";
import { Refused } from "./errors.js";
import { checkName, count, requireField } from "./field-values.js";
import { APPROVERS, CAPABILITIES, CONDITIONS } from "./limits.js";
import type { CapabilityMessage, ConditionMessage, ScopeMessage } from "./chain-messages.js";
import type { ExactNumber } from "./numbers.js";
import { readParameters } from "./read-constraint.js";
import { readNumber } from "./read-values.js";

/** The audience of proofs for the service itself (SPEC section 7.3): no tool is served there (P-12). */
export const SERVICE_AUDIENCE = "urn:delegation:service";

export interface Scope {
  readonly capabilities: readonly Capability[];
}

/** Permission to call one tool at one audience. */
export interface Capability {
  readonly audience: string;
  readonly tool: string;
  /** Sorted by name; undefined: any arguments at all. */
  readonly parameters: ReadonlyMap<string, Parameter> | undefined;
  readonly conditions: readonly Condition[];
}

/** What else must hold, by state that a verifier does not have. */
export type Condition =
  | { readonly kind: "call_count"; readonly maximum: number }
  | { readonly kind: "budget"; readonly argument: string; readonly maximum: ExactNumber }
  | { readonly kind: "approval"; readonly approvers: readonly string[]; readonly threshold: number };

/** The capability for a tool, if there is one. */
export function capabilityFor(scope: Scope, audience: string, tool: string): Capability | undefined {
  return scope.capabilities.find((capability) => capability.audience === audience && capability.tool === tool);
}

/** Reads a scope; an empty one permits nothing. */
export function readScope({ capabilities: messages }: ScopeMessage): Scope {
  if (messages.length > CAPABILITIES) throw new Refused("too_many_capabilities", "there are too many capabilities");
  const capabilities = messages.map(readCapability);
  const order = (a: Capability, b: Capability): number =>
    compareText(a.audience, b.audience) || compareText(a.tool, b.tool);
  requireField(ascending(capabilities, order), "capabilities are not sorted, or not unique");
  return { capabilities };
}

function readCapability(message: CapabilityMessage): Capability {
  const { audience, tool, anyArguments } = message;
  checkName(audience, "audience");
  requireField(audience !== SERVICE_AUDIENCE, "no tool is served under the service's own audience");
  checkName(tool, "tool");
  const parameters = readParameters(message.arguments);
  requireField(!anyArguments || parameters.size === 0, "any arguments are permitted, and some are listed");
  const conditions = readConditions(message.conditions);
  return { audience, tool, parameters: anyArguments ? undefined : parameters, conditions };
}

function readConditions(messages: readonly ConditionMessage[]): Condition[] {
  if (messages.length > CONDITIONS) throw new Refused("too_many_values", "there are too many conditions");
  const conditions = messages.map(readCondition);
  requireField(ascending(conditions, compareConditions), "conditions are not sorted, or not unique");
  return conditions;
}

function readCondition({ callCount, budget, approval }: ConditionMessage): Condition {
  if (callCount !== undefined) {
    requireField(callCount.maximum > 0n, "a call count permits no call");
    return { kind: "call_count", maximum: count(callCount.maximum, "maximum") };
  }
  if (budget !== undefined) {
    checkName(budget.argument, "argument");
    const maximum = readNumber(budget.maximum);
    requireField(maximum.digits >= 0n, "a budget is negative");
    return { kind: "budget", argument: budget.argument, maximum };
  }
  if (approval === undefined) throw new Refused("condition_unsupported", "a condition has no kind");
  const { approvers, threshold } = approval;
  if (approvers.length > APPROVERS) throw new Refused("too_many_values", "there are too many approvers");
  for (const approver of approvers) checkName(approver, "approver");
  requireField(ascending(approvers, compareText), "approvers are not sorted, or not unique");
  requireField(threshold >= 1 && threshold <= approvers.length, "a threshold is out of range");
  return { kind: "approval", approvers, threshold };
}

/** The order of S-8; 0 for what may not stand twice. */
function compareConditions(a: Condition, b: Condition): number {
  if (a.kind === "budget" && b.kind === "budget") return compareText(a.argument, b.argument);
  if (a.kind === "approval" && b.kind === "approval") {
    return compareLists(a.approvers, b.approvers) || a.threshold - b.threshold;
  }
  return ORDER[a.kind] - ORDER[b.kind];
}

const ORDER = { call_count: 0, budget: 1, approval: 2 } as const;

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [index, element] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compareText(element, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
