// A link's payload (SPEC section 2.2), read with every check that is about the link alone (V-5, V-6).

import type { Parsed } from "./canonical.js";
import { Refused } from "./errors.js";
import {
  checkAgentId,
  checkName,
  checkSize,
  checkText,
  checkTraceIds,
  requireField,
  time,
  timeOrZero,
} from "./field-values.js";
import { checkPublicKey } from "./keys.js";
import {
  DIGEST_BYTES,
  FORMAT_VERSION,
  KEY_ID_BYTES,
  NAME_BYTES,
  NONCE_BYTES,
  PURPOSE_BYTES,
  TASK_ID_BYTES,
} from "./limits.js";
import type { GrantClaimsMessage, LinkMessage } from "./chain-messages.js";
import { readScope, type Scope } from "./scope.js";

/** What one hop says: who may do what, until when. */
export interface Link {
  readonly issuedAtMs: number;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly holderKey: Uint8Array;
  readonly holderAgent: string;
  readonly remainingDepth: number;
  readonly scope: Scope;
  /** Free text: nothing may be permitted because of it. */
  readonly purpose: string;
  /** Present in the first link of a chain and in no other. */
  readonly grant: GrantClaims | undefined;
}

export interface GrantClaims {
  readonly issuerKeyId: Uint8Array;
  readonly taskId: Uint8Array;
  readonly principal: Principal;
  readonly unrecordedHandoffs: boolean;
}

/** On whose behalf a task is done. */
export interface Principal {
  readonly subject: string;
  readonly issuer: string;
  readonly basis: "asserted" | "oidc_id_token" | "id_jag" | "subject_token";
  /** 0: not known. */
  readonly authenticatedAtMs: number;
  readonly authenticationStrength: string;
}

const BASES = [undefined, "asserted", "oidc_id_token", "id_jag", "subject_token"] as const;

/** Reads a parsed payload: the version first (V-15), then its form, then the fields in their order. */
export function readLink({ value: message, canonical }: Parsed<LinkMessage>): Link {
  if (message.version !== FORMAT_VERSION) throw new Refused("version_unsupported", "a link is of another version");
  if (!canonical) throw new Refused("not_canonical", "a link is not in canonical form");
  checkSize(message.nonce, NONCE_BYTES, "nonce");
  const issuedAtMs = time(message.issuedAtMs, "issued_at_ms");
  const notBeforeMs = time(message.notBeforeMs, "not_before_ms");
  const expiresAtMs = time(message.expiresAtMs, "expires_at_ms");
  checkPublicKey(message.holderKey);
  checkAgentId(message.holderAgent, "holder_agent");
  requireField(message.scope !== undefined, "scope is absent"); // F-11
  const scope = readScope(message.scope);
  checkText(message.purpose, PURPOSE_BYTES, "purpose");
  checkTraceIds(message.traceId, message.spanId);
  const grant = message.grant === undefined ? undefined : readGrant(message.grant);
  const { holderKey, holderAgent, remainingDepth, purpose } = message;
  return { issuedAtMs, notBeforeMs, expiresAtMs, holderKey, holderAgent, remainingDepth, scope, purpose, grant };
}

function readGrant({ issuerKeyId, taskId, principal, unrecordedHandoffs }: GrantClaimsMessage): GrantClaims {
  checkSize(issuerKeyId, KEY_ID_BYTES, "issuer_key_id");
  checkSize(taskId, TASK_ID_BYTES, "task_id");
  return { issuerKeyId, taskId, principal: readPrincipal(principal), unrecordedHandoffs };
}

function readPrincipal(message: GrantClaimsMessage["principal"]): Principal {
  requireField(message !== undefined, "principal is absent");
  const { subject, issuer, tokenDigest, authenticationStrength } = message;
  checkName(subject, "subject");
  checkName(issuer, "issuer");
  const basis = BASES[message.basis];
  requireField(basis !== undefined, "basis is not one of those that there are");
  checkSize(tokenDigest, basis === "asserted" ? 0 : DIGEST_BYTES, "token_digest");
  const authenticatedAtMs = timeOrZero(message.authenticatedAtMs, "authenticated_at_ms");
  checkText(authenticationStrength, NAME_BYTES, "authentication_strength");
  return { subject, issuer, basis, authenticatedAtMs, authenticationStrength };
}
