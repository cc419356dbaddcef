// Proofs (SPEC section 7): the leaf holder's signature over one call, accepted once.

import { hex, sameBytes } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused, refusing } from "./errors.js";
import { checkName, checkSize, checkTraceIds, requireField, time } from "./field-values.js";
import { checkSignature, signingInput } from "./keys.js";
import {
  DIGEST_BYTES,
  FORMAT_VERSION,
  LINK_ID_BYTES,
  NONCE_BYTES,
  PROOF_BYTES,
  PROOF_FUTURE_MS,
  PROOF_MEMORY_MS,
  PROOF_PAST_MS,
  SIGNATURE_BYTES,
} from "./limits.js";
import * as messages from "./statement-messages.js";

/** The call that a proof has to be about, and the key that has to have signed it. */
export interface ProvenCall {
  readonly holderKey: Uint8Array;
  readonly chainDigest: Uint8Array;
  readonly audience: string;
  readonly tool: string;
  readonly argumentsDigest: Uint8Array;
}

/** A proof that holds: by chain digest and nonce it is known. */
export interface CheckedProof {
  readonly chainDigest: Uint8Array;
  readonly nonce: Uint8Array;
  readonly issuedAtMs: number;
}

/** P-3 to P-7, in this order. The nonce is then to be taken from a memory (P-8). */
export function checkProof(
  bytes: Uint8Array,
  call: ProvenCall,
  at: { nowMs: number; remembersFromMs: number },
): CheckedProof {
  if (bytes.length === 0) throw new Refused("proof_missing", "there is no proof");
  const { payload, signature, proof } = refusing("proof_invalid", () => readProof(bytes));
  const same =
    sameBytes(proof.chainDigest, call.chainDigest) &&
    proof.audience === call.audience &&
    proof.tool === call.tool &&
    sameBytes(proof.argumentsDigest, call.argumentsDigest);
  if (!same) throw new Refused("proof_other_call", "a proof is about another call");
  const issuedAtMs = Number(proof.issuedAtMs);
  if (issuedAtMs > at.nowMs + PROOF_FUTURE_MS) throw new Refused("proof_from_future", "a proof is from the future");
  if (issuedAtMs < Math.max(at.nowMs - PROOF_PAST_MS, at.remembersFromMs)) {
    throw new Refused("proof_stale", "a proof is too old, or older than the memory of nonces");
  }
  refusing("proof_invalid", () => {
    checkSignature(call.holderKey, signingInput("proof", payload), signature);
  });
  return { chainDigest: proof.chainDigest, nonce: proof.nonce, issuedAtMs };
}

function readProof(bytes: Uint8Array) {
  requireField(bytes.length <= PROOF_BYTES, "a proof is too large");
  const { payload, signature } = read(messages.SignedProof, bytes);
  checkSize(signature, SIGNATURE_BYTES, "signature");
  const proof = read(messages.Proof, payload);
  requireField(proof.version === FORMAT_VERSION, "a proof is of another version");
  checkSize(proof.chainDigest, LINK_ID_BYTES, "chain_digest");
  checkName(proof.audience, "audience");
  checkName(proof.tool, "tool");
  checkSize(proof.argumentsDigest, DIGEST_BYTES, "arguments_digest");
  time(proof.issuedAtMs, "issued_at_ms");
  checkSize(proof.nonce, NONCE_BYTES, "nonce");
  checkTraceIds(proof.traceId, proof.spanId);
  return { payload, signature, proof };
}

/** Remembers nonces, so that each proof is accepted once (P-8). */
export interface NonceMemory {
  /** Since when nothing that was taken has been forgotten too early. */
  readonly remembersFromMs: number;
  /** Looks up and stores in one step. Refuses `proof_replayed`. */
  take(proof: CheckedProof, nowMs: number): void;
}

/** A memory of this process alone: enough for tools that are decided in process (P-10). */
export class LocalNonceMemory implements NonceMemory {
  readonly #until = new Map<string, number>();

  constructor(
    readonly remembersFromMs: number,
    readonly capacity = 100_000,
  ) {}

  take({ chainDigest, nonce, issuedAtMs }: CheckedProof, nowMs: number): void {
    const id = hex(chainDigest) + hex(nonce);
    if (this.#until.has(id)) throw new Refused("proof_replayed", "a proof was used before");
    if (this.#until.size >= this.capacity) this.#forget(nowMs);
    if (this.#until.size >= this.capacity) throw new Refused("service_unavailable", "no more nonces can be remembered");
    this.#until.set(id, issuedAtMs + PROOF_MEMORY_MS);
  }

  #forget(nowMs: number): void {
    for (const [id, untilMs] of this.#until) if (untilMs < nowMs) this.#until.delete(id);
  }
}
