// Approvals (SPEC section 9.9): a person's consent to one exact call, attested by the service or signed by the
// person. No condition is met by one in this version; what it says can be read and checked.

import { sameBytes } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused } from "./errors.js";
import { checkName, checkSize, checkText, requireField, time } from "./field-values.js";
import { keyId } from "./keys.js";
import { APPROVAL_LIFETIME_MS, DIGEST_BYTES, LINK_ID_BYTES, NAME_BYTES, NONCE_BYTES } from "./limits.js";
import * as messages from "./statement-messages.js";
import { openStatement, readStatement } from "./statements.js";
import { statementKey, type Trust } from "./trust.js";
import type { VerifiedChain } from "./verify.js";

export interface Approval {
  readonly linkId: Uint8Array;
  readonly audience: string;
  readonly tool: string;
  readonly argumentsDigest: Uint8Array;
  readonly approver: string;
  readonly approverIssuer: string;
  readonly approvedAtMs: number;
  readonly expiresAtMs: number;
  /** Who lets an approval count, uses it up in the same step. */
  readonly nonce: Uint8Array;
}

/** The exact call that an approval has to be about. */
export interface ApprovedCall {
  readonly chain: VerifiedChain;
  readonly audience: string;
  readonly tool: string;
  readonly argumentsDigest: Uint8Array;
}

/** T-24: opens an approval by a statement key that counts now. */
export function openApproval(bytes: Uint8Array, { trust, nowMs }: { trust: Trust; nowMs: number }): Approval {
  const statement = readStatement(bytes);
  return readApproval(openStatement(statement, "approval", statementKey(trust, statement.keyId, nowMs)));
}

/** T-46: opens an approval that its approver has signed with one of these keys of theirs. */
export function openSignedApproval(bytes: Uint8Array, keys: readonly Uint8Array[]): Approval {
  const statement = readStatement(bytes);
  const key = keys.find((each) => sameBytes(keyId(each), statement.keyId));
  if (key === undefined) throw new Refused("statement_invalid", "an approval is not signed by a key of its approver");
  return readSignedApproval(openStatement(statement, "signed_approval", key));
}

export function readSignedApproval(payload: Uint8Array): Approval {
  const { approverIssuer, authenticationStrength } = read(messages.Approval, payload);
  const saysLittle = approverIssuer === "" && authenticationStrength === "";
  requireField(saysLittle, "an approver says nothing of who vouches for them");
  return readFields(payload);
}

export function readApproval(payload: Uint8Array): Approval {
  const { approverIssuer, authenticationStrength } = read(messages.Approval, payload);
  checkName(approverIssuer, "approver_issuer");
  checkText(authenticationStrength, NAME_BYTES, "authentication_strength");
  return readFields(payload);
}

function readFields(payload: Uint8Array): Approval {
  const message = read(messages.Approval, payload);
  const { linkId, audience, tool, argumentsDigest, policyDigest, approver, approverIssuer, nonce } = message;
  checkSize(linkId, LINK_ID_BYTES, "link_id");
  checkName(audience, "audience");
  checkName(tool, "tool");
  checkSize(argumentsDigest, DIGEST_BYTES, "arguments_digest");
  if (policyDigest.length > 0) checkSize(policyDigest, DIGEST_BYTES, "policy_digest");
  checkName(approver, "approver");
  const approvedAtMs = time(message.approvedAtMs, "approved_at_ms");
  const expiresAtMs = time(message.expiresAtMs, "expires_at_ms");
  const lifetimeMs = expiresAtMs - approvedAtMs;
  requireField(lifetimeMs > 0 && lifetimeMs <= APPROVAL_LIFETIME_MS, "an approval lives too long, or not at all");
  checkSize(nonce, NONCE_BYTES, "nonce");
  return { linkId, audience, tool, argumentsDigest, approver, approverIssuer, approvedAtMs, expiresAtMs, nonce };
}

/** T-25: refuses (`condition_unmet`) unless an approval counts for a call, by one of these approvers. */
export function checkApproves(
  approval: Approval,
  call: ApprovedCall,
  approvers: readonly string[],
  nowMs: number,
): void {
  const ofCall =
    sameBytes(approval.linkId, call.chain.leaf.id) &&
    approval.audience === call.audience &&
    approval.tool === call.tool &&
    sameBytes(approval.argumentsDigest, call.argumentsDigest);
  const ofNow = approval.approvedAtMs <= nowMs && nowMs < approval.expiresAtMs;
  const ofOthers = !call.chain.links.some(({ holderAgent }) => holderAgent === approval.approver);
  if (!ofCall || !ofNow || !ofOthers || !approvers.includes(approval.approver)) {
    throw new Refused("condition_unmet", "an approval does not count for this call");
  }
}
