// Trust and revocations as vectors give them.

import { read } from "../src/canonical.js";
import { Scope } from "../src/chain-messages.js";
import { Revocations, type RevocationKind } from "../src/revocation.js";
import { readScope } from "../src/scope.js";
import { Trust, type FederatedDomain, type TrustedKey } from "../src/trust.js";
import { bytes, fromHex, list, members, number, object, text, type Json } from "./vector-files.js";

export function readTrust(json: Json | undefined): Trust {
  const { expires_at_ms, keys, federated } = members(json, ["expires_at_ms", "keys"], ["federated"]);
  const domains = federated === undefined ? [] : list(federated).map(readDomain);
  return new Trust(number(expires_at_ms), list(keys).map(readTrustedKey), domains);
}

const DOMAIN_MEMBERS = ["trust_domain", "keys", "agent_domains", "principal_issuers", "ceiling"];

function readDomain(json: Json): FederatedDomain {
  const domain = members(json, DOMAIN_MEMBERS);
  return {
    trustDomain: text(domain["trust_domain"]),
    keys: list(domain["keys"]).map(readTrustedKey),
    agentDomains: list(domain["agent_domains"]).map(text),
    principalIssuers: list(domain["principal_issuers"]).map(text),
    ceiling: readScope(read(Scope, bytes(domain["ceiling"]))),
  };
}

const KEY_MEMBERS = ["purpose", "public_key", "not_before_ms", "not_after_ms", "state"];

function readTrustedKey(json: Json): TrustedKey {
  const key = members(json, KEY_MEMBERS, ["compromised_at_ms"]);
  return {
    purpose: text(key["purpose"]) as TrustedKey["purpose"],
    publicKey: fromHex(key["public_key"]),
    notBeforeMs: number(key["not_before_ms"]),
    notAfterMs: number(key["not_after_ms"]),
    state: text(key["state"]) as TrustedKey["state"],
  };
}

export function readRevocations(json: Json | undefined): Revocations | undefined {
  if (json === null) return undefined;
  return new Revocations(
    list(json).map((element) => {
      const { kind, id } = members(element, ["kind", "id"]);
      return { kind: text(kind) as RevocationKind, id: fromHex(id) };
    }),
  );
}

/** What federated domains have revoked, by their names. */
export function readFederatedRevocations(json: Json | undefined): (trustDomain: string) => Revocations | undefined {
  const followed = json === undefined ? {} : object(json);
  return (trustDomain) => (Object.hasOwn(followed, trustDomain) ? readRevocations(followed[trustDomain]) : undefined);
}
