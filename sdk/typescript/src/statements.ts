// Signed statements (SPEC sections 9.3 and 9.4): opening one by its key, and reading receipts, bindings,
// offers and outcomes.

import { ascending, compareText, sameBytes } from "./bytes.js";
import { read } from "./canonical.js";
import { SignedStatement } from "./chain-messages.js";
import { Refused, refusing } from "./errors.js";
import { checkAgentId, checkName, checkSize, checkText, requireField, time } from "./field-values.js";
import { checkPublicKey, checkSignature, keyId, signingInput } from "./keys.js";
import {
  CALL_ID_BYTES,
  KEY_ID_BYTES,
  LINK_ID_BYTES,
  NAME_BYTES,
  NONCE_BYTES,
  SIGNATURE_BYTES,
  STATEMENT_BYTES,
} from "./limits.js";
import * as messages from "./statement-messages.js";

const KINDS = [
  undefined,
  "receipt",
  "binding",
  "offer",
  "approval",
  "revocation_feed",
  "trust_bundle",
  "checkpoint",
  "decision_batch",
  "outcome",
  "break_glass",
  "signed_approval",
] as const;

export type StatementKind = NonNullable<(typeof KINDS)[number]>;

/** A statement as it was signed: nothing of it counts before `openStatement`. */
export interface Statement {
  readonly kind: StatementKind;
  readonly keyId: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** The service recorded a link, and thereby all links before it. */
export interface Receipt {
  readonly linkId: Uint8Array;
  readonly recordedAtMs: number;
}

/** A holder key belongs to an agent whose identity the service has authenticated. */
export interface Binding {
  readonly holderKey: Uint8Array;
  readonly agent: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** An agent is ready to receive one handoff with a fresh key. */
export interface Offer {
  readonly agent: string;
  readonly holderKey: Uint8Array;
  /** The delegating agent's id; empty: anybody. */
  readonly audience: string;
  readonly expiresAtMs: number;
  readonly nonce: Uint8Array;
}

/** Reads a `SignedStatement` of at most `limitBytes`. */
export function readStatement(bytes: Uint8Array, limitBytes = STATEMENT_BYTES): Statement {
  if (bytes.length > limitBytes) throw new Refused("token_too_large", "a statement is too large");
  const message = read(SignedStatement, bytes);
  const kind = KINDS[message.kind];
  if (kind === undefined) throw new Refused("statement_unsupported", "a statement is of no known kind");
  checkSize(message.keyId, KEY_ID_BYTES, "key_id");
  checkSize(message.signature, SIGNATURE_BYTES, "signature");
  return { ...message, kind };
}

/** T-1: the payload of a statement of this kind by this key; only then may it be read. */
export function openStatement(statement: Statement, kind: StatementKind, publicKey: Uint8Array): Uint8Array {
  if (statement.kind !== kind || !sameBytes(statement.keyId, keyId(publicKey))) {
    throw new Refused("statement_invalid", "a statement is of another kind, or by another key");
  }
  const input = signingInput(kind, statement.payload);
  refusing("statement_invalid", () => {
    checkSignature(publicKey, input, statement.signature);
  });
  return statement.payload;
}

export function readReceipt(payload: Uint8Array): Receipt {
  const { linkId, recordedAtMs } = read(messages.Receipt, payload);
  checkSize(linkId, LINK_ID_BYTES, "link_id");
  return { linkId, recordedAtMs: time(recordedAtMs, "recorded_at_ms") };
}

export function readBinding(payload: Uint8Array): Binding {
  const { holderKey, agent, issuedAtMs, expiresAtMs } = read(messages.Binding, payload);
  checkPublicKey(holderKey);
  checkAgentId(agent, "agent");
  return {
    holderKey,
    agent,
    issuedAtMs: time(issuedAtMs, "issued_at_ms"),
    expiresAtMs: time(expiresAtMs, "expires_at_ms"),
  };
}

export function readOffer(payload: Uint8Array): Offer {
  const { agent, holderKey, audience, expiresAtMs, nonce } = read(messages.Offer, payload);
  checkAgentId(agent, "agent");
  checkPublicKey(holderKey);
  if (audience !== "") checkAgentId(audience, "audience");
  const expires = time(expiresAtMs, "expires_at_ms");
  checkSize(nonce, NONCE_BYTES, "nonce");
  return { agent, holderKey, audience, expiresAtMs: expires, nonce };
}

/** T-8: the offer that `delegator` may use now to hand on to `agent`. Refuses `offer_invalid`. */
export function openOffer(bytes: Uint8Array, use: { delegator: string; agent: string; nowMs: number }): Offer {
  return refusing("offer_invalid", () => {
    const statement = readStatement(bytes);
    const offer = readOffer(statement.payload); // names the key that has to have signed it
    openStatement(statement, "offer", offer.holderKey);
    const meant = offer.agent === use.agent && (offer.audience === "" || offer.audience === use.delegator);
    if (!meant || offer.expiresAtMs <= use.nowMs) {
      throw new Refused("offer_invalid", "an offer has expired, or is of or for another agent");
    }
    return offer;
  });
}

/** Checks the payload of an outcome (T-13). */
export function checkOutcome(payload: Uint8Array): void {
  const { callId, status, endedAtMs, impacts } = read(messages.Outcome, payload);
  checkSize(callId, CALL_ID_BYTES, "call_id");
  requireField(status >= 1 && status <= 3, "status is not one of those that there are");
  time(endedAtMs, "ended_at_ms");
  for (const { name, amount } of impacts) {
    checkName(name, "name");
    checkText(amount, NAME_BYTES, "amount");
  }
  requireField(
    ascending(impacts, (a, b) => compareText(a.name, b.name)),
    "impacts are not sorted, or not unique",
  );
}
