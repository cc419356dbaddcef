// Step 15: that a chain of a federated trust domain keeps within the domain's limits (SPEC section 9.11).

import { Refused, type Growth } from "./errors.js";
import type { Link } from "./link.js";
import { checkScope } from "./narrowing.js";
import { Steps } from "./steps.js";
import type { FederatedDomain } from "./trust.js";

/** T-29: the grant's holder, then every agent, then the principal, then the scope. Refuses `federation_exceeded`. */
export function checkWithin(domain: FederatedDomain, links: readonly Link[]): void {
  const [first] = links;
  if (first?.grant === undefined) throw new TypeError("a chain without a grant has passed");
  if (!isOf(first.holderAgent, domain.trustDomain)) throw exceeds(0, "holder_agent", `of ${domain.trustDomain}`);
  const other = links.findIndex(({ holderAgent }) => !domain.agentDomains.some((name) => isOf(holderAgent, name)));
  if (other >= 0) throw exceeds(other, "holder_agent", "of a listed trust domain");
  if (!domain.principalIssuers.includes(first.grant.principal.issuer)) {
    throw exceeds(0, "grant.principal.issuer", "a listed issuer");
  }
  try {
    checkScope(domain.ceiling, first.scope, new Steps());
  } catch (error) {
    if (!(error instanceof Refused) || error.reason !== "scope_grew") throw error;
    const { field, parent, child } = error.growth as Growth;
    throw exceeds(0, field, parent, child);
  }
}

/** Whether an agent is of a trust domain: it is `spiffe://`, the domain, a slash and something more. */
export function isOf(agent: string, domain: string): boolean {
  const start = `spiffe://${domain}/`;
  return agent.startsWith(start) && agent.length > start.length;
}

function exceeds(link: number, field: string, parent: string, child = "another"): Refused {
  const growth = { field, parent, child };
  return new Refused("federation_exceeded", `${field} goes beyond what is accepted of a federated domain`, {
    link,
    growth,
  });
}
