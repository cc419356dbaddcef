// Break-glass (SPEC section 9.10): an operator's order to go on for a time with a feed that is too old, or without
// the service. It permits nothing that a chain does not.

import { ascending, compareText, sameBytes } from "./bytes.js";
import { read } from "./canonical.js";
import { checkEffects } from "./catalogue.js";
import { Refused } from "./errors.js";
import { checkName, checkSize, checkText, requireField, time } from "./field-values.js";
import { keyId } from "./keys.js";
import { BREAK_GLASS_MS, NONCE_BYTES, PURPOSE_BYTES } from "./limits.js";
import * as messages from "./statement-messages.js";
import { openStatement, readStatement } from "./statements.js";
import { breakGlassKey, type Trust } from "./trust.js";

export interface BreakGlass {
  readonly audiences: readonly string[];
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly operator: string;
  /** Decision records name the statement by it; who lets one of single use count, uses it up in the same step. */
  readonly nonce: Uint8Array;
  readonly effects: readonly number[];
  readonly maximumFeedAgeMs: number;
  readonly singleUse: boolean;
}

/** What a guard knows of a call that needs it: `effects` of the tool, all of them if it is not listed. */
export interface RiskyCall {
  readonly audience: string;
  readonly effects: readonly number[];
  readonly nowMs: number;
}

/** B-1: opens a break-glass statement by the root key, or by a key of the bundle that counts for them. */
export function openBreakGlass(
  bytes: Uint8Array,
  by: { trust: Trust; rootKey: Uint8Array; nowMs: number },
): BreakGlass {
  const statement = readStatement(bytes);
  const isRoots = sameBytes(statement.keyId, keyId(by.rootKey));
  const publicKey = isRoots ? by.rootKey : breakGlassKey(by.trust, statement.keyId, by.nowMs);
  return readBreakGlass(openStatement(statement, "break_glass", publicKey));
}

/** B-2. */
export function readBreakGlass(payload: Uint8Array): BreakGlass {
  const message = read(messages.BreakGlass, payload);
  const { audiences, justification, operator, nonce, effects, singleUse } = message;
  for (const audience of audiences) checkName(audience, "audience");
  requireField(audiences.length > 0 && ascending(audiences, compareText), "audiences are not sorted, unique, present");
  checkText(justification, PURPOSE_BYTES, "justification");
  requireField(justification !== "", "justification is empty");
  const notBeforeMs = time(message.notBeforeMs, "not_before_ms");
  const expiresAtMs = time(message.expiresAtMs, "expires_at_ms");
  const windowMs = expiresAtMs - notBeforeMs;
  requireField(windowMs > 0 && windowMs <= BREAK_GLASS_MS, "a break-glass statement counts too long, or not at all");
  checkName(operator, "operator");
  checkSize(nonce, NONCE_BYTES, "nonce");
  checkEffects(effects);
  const maximumFeedAgeMs = time(message.maximumFeedAgeMs, "maximum_feed_age_ms");
  requireField(maximumFeedAgeMs <= BREAK_GLASS_MS, "a break-glass statement accepts any age of the feed");
  return { audiences, notBeforeMs, expiresAtMs, operator, nonce, effects, maximumFeedAgeMs, singleUse };
}

/** B-3: refuses (`feed_stale`, as without it) unless a statement counts for a call. */
export function checkCovers(order: BreakGlass, call: RiskyCall): void {
  const ofNow = order.notBeforeMs <= call.nowMs && call.nowMs < order.expiresAtMs;
  const ofTool = call.effects.every((effect) => order.effects.includes(effect));
  if (!ofNow || !ofTool || !order.audiences.includes(call.audience)) {
    throw new Refused("feed_stale", "a break-glass statement does not count for this call");
  }
}
