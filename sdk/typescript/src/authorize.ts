// Authorization (SPEC section 8): whether every link of a verified chain permits one call.

import { allows } from "./allows.js";
import type { Arguments } from "./arguments.js";
import { blaming, Refused } from "./errors.js";
import type { Link } from "./link.js";
import { capabilityFor, type Capability } from "./scope.js";
import { Steps } from "./steps.js";
import { sortedNames, type Value } from "./values.js";

export interface Call {
  readonly audience: string;
  readonly tool: string;
  readonly arguments: Arguments;
  /** What the tool uses for arguments that are not sent. */
  readonly defaults?: ReadonlyMap<string, Value>;
}

/** Refuses a call that some link does not permit: the first such link, grant first. */
export function authorizeCall(links: readonly Link[], call: Call): void {
  const steps = new Steps();
  for (const [index, { scope }] of links.entries()) {
    blaming(index, () => {
      const capability = capabilityFor(scope, call.audience, call.tool);
      if (capability === undefined) throw new Refused("tool_not_permitted", "the link permits no such tool");
      checkCapability(capability, call, steps);
    });
  }
}

/** */
function checkCapability({ conditions, parameters }: Capability, call: Call, steps: Steps): void {
  if (conditions.length > 0) throw new Refused("condition_unmet", "a condition needs state that is not here");
  if (parameters === undefined) return;
  const sent = call.arguments.values;
  steps.take(parameters.size + sent.size);
  for (const [name, { optional, constraint }] of parameters) {
    const value = sent.get(name) ?? call.defaults?.get(name);
    if (value === undefined && !optional) throw refusal("argument_missing", name);
    if (value !== undefined && !allows(constraint, value, steps)) throw refusal("argument_refused", name);
  }
  for (const name of sortedNames(sent)) {
    if (!parameters.has(name)) throw new Refused("argument_unexpected", "an argument is not listed");
  }
}

/** Names an argument that the link itself lists, never one that only the caller knows. */
function refusal(reason: "argument_missing" | "argument_refused", name: string): Refused {
  return new Refused(reason, `argument ${JSON.stringify(name)}`);
}
