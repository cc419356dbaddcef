// Values of fields (SPEC section 2.3): names, texts, times, sizes. Violations are `field_invalid`.

import { Refused } from "./errors.js";
import { NAME_BYTES, SAFE_INTEGER } from "./limits.js";

// Every character but U+0020 whose general category begins with C or Z (F-5).
const UNPRINTABLE = /[^ \P{C}]|[^ \P{Z}]/u;

export function invalid(detail: string): Refused {
  return new Refused("field_invalid", detail);
}

export function requireField(holds: boolean, detail: string): asserts holds {
  if (!holds) throw invalid(detail);
}

/** F-5: printable text of a limited number of bytes; it may be empty. */
export function checkText(text: string, limitBytes: number, field: string): void {
  requireField(Buffer.byteLength(text, "utf8") <= limitBytes, `${field} is too long`);
  requireField(!UNPRINTABLE.test(text), `${field} has a character that is not printable`);
}

/** F-5: text that is not empty. */
export function checkName(name: string, field: string): void {
  requireField(name !== "", `${field} is empty`);
  checkText(name, NAME_BYTES, field);
}

/** F-6. */
export function checkAgentId(agent: string, field: string): void {
  checkName(agent, field);
  requireField(agent.indexOf(":") > 0 && !agent.includes(" "), `${field} is no agent id`);
}

/** F-7: milliseconds since the Unix epoch. */
export function time(value: bigint, field: string): number {
  requireField(value >= 1n && value <= SAFE_INTEGER, `${field} is no time`);
  return Number(value);
}

/** F-7, or 0 where a time may be absent. */
export function timeOrZero(value: bigint, field: string): number {
  return value === 0n ? 0 : time(value, field);
}

/** F-10: a position, a sequence number, a version. */
export function count(value: bigint, field: string): number {
  requireField(value <= SAFE_INTEGER, `${field} is too large`);
  return Number(value);
}

/** F-9. */
export function checkSize(bytes: Uint8Array, size: number, field: string): void {
  requireField(bytes.length === size, `${field} has a wrong size`);
}

/** F-8: both absent, or 16 and 8 bytes that are not all zero. */
export function checkTraceIds(traceId: Uint8Array, spanId: Uint8Array): void {
  if (traceId.length === 0 && spanId.length === 0) return;
  checkSize(traceId, 16, "trace_id");
  checkSize(spanId, 8, "span_id");
  requireField(traceId.some(Boolean) && spanId.some(Boolean), "a trace id has no bit set");
}
