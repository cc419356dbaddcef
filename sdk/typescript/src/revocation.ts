// Revocation (SPEC sections 9.1 and 9.2): what a chain rests on, and the feed of what is revoked.

import { hex, sha256, utf8 } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused } from "./errors.js";
import { checkSize, count, requireField, time } from "./field-values.js";
import {
  BREAK_GLASS_MS,
  DIGEST_BYTES,
  DOCUMENT_BYTES,
  FEED_AGE_OTHER_MS,
  FEED_FUTURE_MS,
  KEY_BYTES,
  KEY_ID_BYTES,
  LINK_ID_BYTES,
  NAME_BYTES,
  TASK_ID_BYTES,
} from "./limits.js";
import * as messages from "./statement-messages.js";
import { openStatement, readStatement } from "./statements.js";
import { statementKey, type Trust } from "./trust.js";

// Kinds by their numbers.
const KINDS = [undefined, "link", "holder_key", "agent", "task", "principal", "issuer_key"] as const;

export type RevocationKind = NonNullable<(typeof KINDS)[number]>;

export interface Revocation {
  readonly kind: RevocationKind;
  readonly id: Uint8Array;
}

/** A set of what is revoked. */
export class Revocations {
  readonly #entries = new Map<string, Revocation>();

  constructor(revocations: Iterable<Revocation> = []) {
    for (const revocation of revocations) this.add(revocation);
  }

  add(revocation: Revocation): void {
    this.#entries.set(key(revocation.kind, revocation.id), revocation);
  }

  has(kind: RevocationKind, id: Uint8Array): boolean {
    return this.#entries.has(key(kind, id));
  }

  [Symbol.iterator](): Iterator<Revocation> {
    return this.#entries.values();
  }
}

/** by what a principal is revoked. */
export function principalId(issuer: string, subject: string): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(utf8(issuer).length);
  return sha256(length, utf8(issuer), utf8(subject));
}

/** One signed piece of the feed. */
export interface FeedPiece {
  readonly fromPosition: number;
  readonly toPosition: number;
  readonly issuedAtMs: number;
  readonly snapshot: boolean;
  readonly more: boolean;
  readonly revocations: readonly Revocation[];
}

/** reads the payload of a piece. */
export function readFeedPiece(payload: Uint8Array): FeedPiece {
  const message = read(messages.RevocationFeedEntry, payload);
  const { snapshot, more } = message;
  const fromPosition = count(message.fromPosition, "from_position");
  const toPosition = count(message.toPosition, "to_position");
  const issuedAtMs = time(message.issuedAtMs, "issued_at_ms");
  requireField(snapshot || !more, "more stands in a delta");
  const revocations = message.revocations.map(({ kind: number, id, forgetAtMs }) => {
    const kind = KINDS[number];
    requireField(kind !== undefined, "kind is not one of those that there are");
    checkId(kind, id);
    time(forgetAtMs, "forget_at_ms");
    return { kind, id };
  });
  return { fromPosition, toPosition, issuedAtMs, snapshot, more, revocations };
}

function checkId(kind: RevocationKind, id: Uint8Array): void {
  switch (kind) {
    case "link":
      return checkSize(id, LINK_ID_BYTES, "id");
    case "holder_key":
      return checkSize(id, KEY_BYTES, "id");
    case "agent":
      return requireField(id.length >= 1 && id.length <= NAME_BYTES, "id has a wrong size");
    case "task":
      return checkSize(id, TASK_ID_BYTES, "id");
    case "principal":
      return checkSize(id, DIGEST_BYTES, "id");
    case "issuer_key":
      return checkSize(id, KEY_ID_BYTES, "id");
  }
}

/** A reader of the feed: pieces in the order of their arrival. */
export class RevocationFeed {
  #position: number | undefined;
  #highest = 0;
  #revoked = new Revocations();
  #unfinished: { position: number; revoked: Revocations } | undefined;
  #issuedAtMs = 0;
  #arrivedMs = 0; // monotonic

  /** The position after the last piece; undefined before a whole snapshot. */
  get position(): number | undefined {
    return this.#position;
  }

  /** What is revoked; undefined before a whole snapshot. */
  get revoked(): Revocations | undefined {
    return this.#position === undefined ? undefined : this.#revoked;
  }

  /** Takes one signed piece. After a refusal only a snapshot is taken. */
  take(bytes: Uint8Array, trust: Trust, at: { nowMs: number; monotonicMs: number }): void {
    try {
      const statement = readStatement(bytes, DOCUMENT_BYTES);
      const publicKey = statementKey(trust, statement.keyId, at.nowMs);
      const piece = readFeedPiece(openStatement(statement, "revocation_feed", publicKey));
      if (piece.issuedAtMs > at.nowMs + FEED_FUTURE_MS) throw new Refused("feed_stale", "a feed from the future");
      this.#take(piece);
      this.#issuedAtMs = piece.issuedAtMs;
      this.#arrivedMs = at.monotonicMs;
    } catch (error) {
      this.#position = undefined;
      this.#unfinished = undefined;
      throw error;
    }
  }

  /** whether the feed is whole and no older than `maximumAgeMs`: that of the tool, or of a break-glass (B-4). */
  isFresh(at: { nowMs: number; monotonicMs: number }, maximumAgeMs = FEED_AGE_OTHER_MS): boolean {
    const age = Math.max(at.nowMs - this.#issuedAtMs, at.monotonicMs - this.#arrivedMs);
    const whole = this.#position !== undefined && this.#unfinished === undefined;
    return whole && age <= Math.min(maximumAgeMs, BREAK_GLASS_MS);
  }

  #take(piece: FeedPiece): void {
    if (piece.issuedAtMs < this.#issuedAtMs || piece.toPosition < piece.fromPosition) throw rollback();
    if (piece.snapshot) this.#takeSnapshot(piece);
    else this.#takeDelta(piece);
  }

  #takeDelta(piece: FeedPiece): void {
    const position = this.#position;
    if (position === undefined || this.#unfinished !== undefined || piece.fromPosition > position) throw gap();
    if (piece.toPosition < position) throw rollback();
    for (const revocation of piece.revocations) this.#revoked.add(revocation);
    this.#settle(piece.toPosition);
  }

  #takeSnapshot(piece: FeedPiece): void {
    if (piece.fromPosition === 0) this.#unfinished = { position: 0, revoked: new Revocations() };
    const begun = this.#unfinished;
    if (begun === undefined || piece.fromPosition !== begun.position) throw gap();
    for (const revocation of piece.revocations) begun.revoked.add(revocation);
    begun.position = piece.toPosition;
    if (piece.more) return;
    if (piece.toPosition < this.#highest) throw rollback();
    this.#revoked = begun.revoked;
    this.#unfinished = undefined;
    this.#settle(piece.toPosition);
  }

  #settle(position: number): void {
    this.#position = position;
    this.#highest = position;
  }
}

function key(kind: RevocationKind, id: Uint8Array): string {
  return `${kind} ${hex(id)}`;
}

function gap(): Refused {
  return new Refused("feed_gap", "a piece of the revocation feed is missing");
}

function rollback(): Refused {
  return new Refused("feed_rollback", "the revocation feed goes backwards");
}
