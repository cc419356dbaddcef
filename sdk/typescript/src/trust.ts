// What a verifier trusts: the keys of a trust bundle (SPEC section 9.6), and the bundle itself.

import { ascending, compareText, hex } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused, refusing } from "./errors.js";
import { checkName, checkSize, count, requireField, time, timeOrZero } from "./field-values.js";
import { checkPublicKey, keyId } from "./keys.js";
import { DIGEST_BYTES, DOCUMENT_BYTES } from "./limits.js";
import { readScope, type Scope } from "./scope.js";
import * as messages from "./statement-messages.js";
import { openStatement, readStatement } from "./statements.js";

const PURPOSES = [undefined, "grant", "statement", "checkpoint", "break_glass"] as const;
const STATES = [undefined, "active", "retired", "compromised"] as const;

export interface TrustedKey {
  readonly purpose: "grant" | "statement" | "checkpoint" | "break_glass";
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  /** 0: no end is set. */
  readonly notAfterMs: number;
  readonly state: "active" | "retired" | "compromised";
}

/** Another trust domain, and what is accepted from it (SPEC section 9.11). */
export interface FederatedDomain {
  readonly trustDomain: string;
  readonly keys: readonly TrustedKey[];
  readonly agentDomains: readonly string[];
  readonly principalIssuers: readonly string[];
  readonly ceiling: Scope;
}

/** What counts of a trust bundle. */
export class Trust {
  readonly #keys: ReadonlyMap<string, TrustedKey>;
  readonly #domains = new Map<string, { key: TrustedKey; domain: FederatedDomain }>();

  /** Refuses (`key_invalid`) a key that anybody could sign for (K-3). */
  constructor(
    readonly expiresAtMs: number,
    readonly keys: readonly TrustedKey[],
    readonly federated: readonly FederatedDomain[] = [],
  ) {
    this.#keys = byId(keys);
    for (const domain of federated) {
      for (const [id, key] of byId(domain.keys)) if (!this.#keys.has(id)) this.#domains.set(id, { key, domain });
    }
  }

  /** An own key. */
  find(id: Uint8Array): TrustedKey | undefined {
    return this.#keys.get(hex(id));
  }

  /** T-26: a key that may have signed a grant: an own one, or one of a federated domain. */
  findIssuer(id: Uint8Array): TrustedKey | undefined {
    return this.find(id) ?? this.#domains.get(hex(id))?.key;
  }

  /** The federated domain whose key this is; undefined for an own one. */
  domainOf(id: Uint8Array): FederatedDomain | undefined {
    return this.#domains.get(hex(id))?.domain;
  }
}

function byId(keys: readonly TrustedKey[]): Map<string, TrustedKey> {
  for (const { publicKey } of keys) checkPublicKey(publicKey);
  return new Map(keys.map((key) => [hex(keyId(key.publicKey)), key]));
}

export interface TrustBundle {
  readonly trust: Trust;
  readonly trustDomain: string;
  readonly version: number;
  /** Empty: there is no catalogue. */
  readonly catalogueDigest: Uint8Array;
}

/** T-16: whether a key counts for a purpose now. */
export function counts(key: TrustedKey, purpose: TrustedKey["purpose"], nowMs: number): boolean {
  const inWindow = key.notBeforeMs <= nowMs && (key.notAfterMs === 0 || nowMs < key.notAfterMs);
  return key.purpose === purpose && key.state === "active" && inWindow;
}

/**
 * T-2, T-27: the public key of the statement key that a statement names, the own domain's or, of a chain of a federated
 * domain, that one's. Refuses `statement_invalid`.
 */
export function statementKey(trust: Trust, id: Uint8Array, nowMs: number, domain?: FederatedDomain): Uint8Array {
  const key = domain === undefined ? trust.find(id) : byId(domain.keys).get(hex(id));
  if (key === undefined || !counts(key, "statement", nowMs)) {
    throw new Refused("statement_invalid", "a statement is by no key that counts for statements");
  }
  return key.publicKey;
}

/** B-1: the public key of the break-glass key that a statement names. Refuses `statement_invalid`. */
export function breakGlassKey(trust: Trust, id: Uint8Array, nowMs: number): Uint8Array {
  const key = trust.find(id);
  if (key === undefined || !counts(key, "break_glass", nowMs)) {
    throw new Refused("statement_invalid", "a break-glass statement is by no key that counts for them");
  }
  return key.publicKey;
}

/** Opens a trust bundle with the root key, `knownVersion` being the highest version known (0: none). */
export function openTrustBundle(
  bytes: Uint8Array,
  known: { rootKey: Uint8Array; knownVersion: number; nowMs: number },
): TrustBundle {
  const bundle = refusing("bundle_invalid", () => {
    const statement = readStatement(bytes, DOCUMENT_BYTES);
    return readTrustBundle(openStatement(statement, "trust_bundle", known.rootKey));
  });
  if (bundle.version < known.knownVersion) throw new Refused("bundle_rollback", "a newer trust bundle is known");
  if (bundle.trust.expiresAtMs <= known.nowMs) throw new Refused("bundle_expired", "a trust bundle has expired");
  return bundle;
}

function readTrustBundle(payload: Uint8Array): TrustBundle {
  const message = read(messages.TrustBundle, payload);
  const { trustDomain, catalogueDigest, federated } = message;
  checkName(trustDomain, "trust_domain");
  requireField(message.version >= 1n, "version is 0");
  const version = count(message.version, "version");
  time(message.issuedAtMs, "issued_at_ms");
  const expiresAtMs = time(message.expiresAtMs, "expires_at_ms");
  const keys = readKeys(message.keys);
  if (catalogueDigest.length > 0) checkSize(catalogueDigest, DIGEST_BYTES, "catalogue_digest");
  const domains = federated.map(readDomain);
  const names = domains.map((domain) => domain.trustDomain);
  requireField(ascending(names, compareText), "federated domains are not sorted, or not unique");
  requireField(!names.includes(trustDomain), "a federated domain is the own one");
  const all = [...keys, ...domains.flatMap((domain) => domain.keys)].map(({ publicKey }) => hex(publicKey));
  requireField(new Set(all).size === all.length, "a key is of two trust domains");
  return { trust: new Trust(expiresAtMs, keys, domains), trustDomain, version, catalogueDigest };
}

/** T-17. */
function readDomain(message: messages.FederatedDomainMessage): FederatedDomain {
  const { trustDomain, agentDomains, principalIssuers, ceiling } = message;
  const keys = readKeys(message.keys);
  const purposes = keys.every(({ purpose }) => purpose === "grant" || purpose === "statement");
  requireField(keys.length > 0 && purposes, "a federated domain has no keys, or one for something else");
  for (const name of [trustDomain, ...agentDomains]) {
    checkName(name, "trust_domain");
    requireField(!name.includes("/"), "the name of a trust domain contains a slash");
  }
  for (const issuer of principalIssuers) checkName(issuer, "principal_issuers");
  for (const names of [agentDomains, principalIssuers]) {
    requireField(ascending(names, compareText), "names are not sorted, or not unique");
  }
  requireField(ceiling !== undefined, "a federated domain has no ceiling");
  return { trustDomain, keys, agentDomains, principalIssuers, ceiling: readScope(ceiling) };
}

function readKeys(listed: readonly messages.TrustedKeyMessage[]): TrustedKey[] {
  const keys = listed.map(readKey);
  const ids = keys.map(({ publicKey }) => keyId(publicKey));
  requireField(ascending(ids, Buffer.compare), "keys are not sorted by key id, or not unique");
  return keys;
}

function readKey(message: messages.TrustedKeyMessage): TrustedKey {
  const purpose = PURPOSES[message.purpose];
  requireField(purpose !== undefined, "purpose is not one of those that there are");
  const { publicKey } = message;
  const notBeforeMs = time(message.notBeforeMs, "not_before_ms");
  const notAfterMs = timeOrZero(message.notAfterMs, "not_after_ms");
  const state = STATES[message.state];
  requireField(state !== undefined, "state is not one of those that there are");
  const compromisedAtMs = timeOrZero(message.compromisedAtMs, "compromised_at_ms");
  requireField(compromisedAtMs > 0 === (state === "compromised"), "compromised_at_ms does not fit the state");
  return { purpose, publicKey, notBeforeMs, notAfterMs, state };
}
