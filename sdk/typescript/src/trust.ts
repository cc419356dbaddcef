// What a verifier trusts: the keys of a trust bundle (SPEC section 9.6), and the bundle itself.

import { ascending, hex } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused, refusing } from "./errors.js";
import { checkName, checkSize, count, requireField, time, timeOrZero } from "./field-values.js";
import { checkPublicKey, keyId } from "./keys.js";
import { DIGEST_BYTES, DOCUMENT_BYTES } from "./limits.js";
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

/** What counts of a trust bundle. */
export class Trust {
  readonly #keys: ReadonlyMap<string, TrustedKey>;

  /** Refuses (`key_invalid`) a key that anybody could sign for (K-3). */
  constructor(
    readonly expiresAtMs: number,
    readonly keys: readonly TrustedKey[],
  ) {
    for (const { publicKey } of keys) checkPublicKey(publicKey);
    this.#keys = new Map(keys.map((key) => [hex(keyId(key.publicKey)), key]));
  }

  find(id: Uint8Array): TrustedKey | undefined {
    return this.#keys.get(hex(id));
  }
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

/** T-2: the public key of the statement key that a statement names. Refuses `statement_invalid`. */
export function statementKey(trust: Trust, id: Uint8Array, nowMs: number): Uint8Array {
  const key = trust.find(id);
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
  const keys = message.keys.map(readKey);
  const ids = keys.map(({ publicKey }) => keyId(publicKey));
  requireField(ascending(ids, Buffer.compare), "keys are not sorted by key id, or not unique");
  if (catalogueDigest.length > 0) checkSize(catalogueDigest, DIGEST_BYTES, "catalogue_digest");
  requireField(federated.length === 0, "federated domains are not evaluated"); // T-17
  return { trust: new Trust(expiresAtMs, keys), trustDomain, version, catalogueDigest };
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
