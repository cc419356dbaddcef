// Batches of decision records (SPEC section 9.5): signed by their guard, chained by hashes.

import { sha256 } from "./bytes.js";
import { read } from "./canonical.js";
import { isReason, Refused, refusing } from "./errors.js";
import { checkName, checkSize, checkTraceIds, count, requireField, time } from "./field-values.js";
import { checkPublicKey } from "./keys.js";
import {
  BATCH_RECORDS,
  CALL_ID_BYTES,
  DIGEST_BYTES,
  DOCUMENT_BYTES,
  LINK_ID_BYTES,
  LINKS,
  NONCE_BYTES,
  RECORD_BYTES,
} from "./limits.js";
import * as messages from "./statement-messages.js";
import { openStatement, readStatement } from "./statements.js";

export interface DecisionBatch {
  readonly guardKey: Uint8Array;
  readonly firstSequence: number;
  /** The number after that of the last record. */
  readonly nextSequence: number;
  readonly previousHash: Uint8Array;
  /** The chain hash after the last record. */
  readonly head: Uint8Array;
  readonly records: readonly Uint8Array[];
}

/** Opens a batch and every record in it (T-10, T-12). Whose `guardKey` it is, has to be known otherwise (T-3). */
export function openDecisionBatch(bytes: Uint8Array): DecisionBatch {
  return refusing("records_invalid", () => {
    const statement = readStatement(bytes, DOCUMENT_BYTES);
    const message = read(messages.DecisionBatch, statement.payload); // names the key that has to have signed it
    const { guardKey, previousHash, records } = message;
    checkPublicKey(guardKey);
    openStatement(statement, "decision_batch", guardKey);
    requireField(message.firstSequence >= 1n, "first_sequence is 0");
    const firstSequence = count(message.firstSequence, "first_sequence");
    checkSize(previousHash, DIGEST_BYTES, "previous_hash");
    requireField(records.length >= 1 && records.length <= BATCH_RECORDS, "a batch has no records, or too many");
    records.forEach(checkDecisionRecord);
    const nextSequence = firstSequence + records.length;
    const head = records.reduce((hash, record) => sha256(hash, record), previousHash);
    return { guardKey, firstSequence, nextSequence, previousHash, head, records };
  });
}

/** Checks one record (T-12). */
export function checkDecisionRecord(bytes: Uint8Array): void {
  if (bytes.length > RECORD_BYTES) throw new Refused("token_too_large", "a record is too large");
  const record = read(messages.DecisionRecord, bytes);
  checkSize(record.callId, CALL_ID_BYTES, "call_id");
  if (record.chainDigest.length > 0) checkSize(record.chainDigest, LINK_ID_BYTES, "chain_digest");
  checkName(record.audience, "audience");
  checkName(record.tool, "tool");
  checkSize(record.argumentsDigest, DIGEST_BYTES, "arguments_digest");
  time(record.decidedAtMs, "decided_at_ms");
  requireField(record.allowed ? record.reason === "" : isReason(record.reason), "reason does not fit the decision");
  requireField(record.linkNumber <= LINKS, "link_number is out of range");
  count(record.feedPosition, "feed_position");
  checkTraceIds(record.traceId, record.spanId);
  if (record.breakGlass.length > 0) checkSize(record.breakGlass, NONCE_BYTES, "break_glass");
  requireField(record.allowed || record.breakGlass.length === 0, "a refused call needed no break-glass");
  requireField(!(record.allowed && record.observed), "a call that was permitted needed no observation");
}
