// Ed25519 keys, key ids, signing inputs and signatures (SPEC section 4). The curve is Node's OpenSSL;
// what it does not refuse by itself (K-1, K-2, K-4) is refused here.

import { createPublicKey, verify } from "node:crypto";

import { hex, join, sha256, utf8 } from "./bytes.js";
import { Refused } from "./errors.js";
import { KEY_BYTES, KEY_ID_BYTES, SIGNATURE_BYTES } from "./limits.js";

export type Purpose =
  | "grant"
  | "handoff"
  | "proof"
  | "offer"
  | "approval"
  | "receipt"
  | "binding"
  | "revocation_feed"
  | "trust_bundle"
  | "checkpoint"
  | "decision_batch"
  | "outcome"
  | "break_glass"
  | "signed_approval";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927n;
const SMALL_ORDER = new Set([0n, 1n, P - 1n, ORDER_8, P - ORDER_8]);
const NOTHING = new Uint8Array();

/** K-1 to K-3: refuses (`key_invalid`) what is no canonical public key, or one of small order. */
export function checkPublicKey(key: Uint8Array): void {
  const acceptable = key.length === KEY_BYTES && yCoordinate(key) < P && !SMALL_ORDER.has(yCoordinate(key));
  if (!acceptable) throw new Refused("key_invalid", "a public key is not canonical, or of small order");
}

/** K-5. */
export function keyId(key: Uint8Array): Uint8Array {
  return sha256(key).subarray(0, KEY_ID_BYTES);
}

/** K-6: `parent` is the link id of the link before, for a handoff only. */
export function signingInput(purpose: Purpose, payload: Uint8Array, parent: Uint8Array = NOTHING): Uint8Array {
  const tag = utf8(`delegation/v1/${purpose.replaceAll("_", "-")}`);
  return join(Uint8Array.of(tag.length), tag, parent, payload);
}

/** K-4: refuses (`signature_invalid`) unless [S]B = R + [k]A, without cofactor, comparing encodings. */
export function checkSignature(key: Uint8Array, input: Uint8Array, signature: Uint8Array): void {
  if (!isCanonical(signature) || !verify(null, input, keyObject(key), signature)) {
    throw new Refused("signature_invalid", "a signature does not verify");
  }
}

function isCanonical(signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const y = yCoordinate(signature.subarray(0, 32));
  return littleEndian(signature.subarray(32)) < L && y < P && !SMALL_ORDER.has(y);
}

function keyObject(key: Uint8Array): ReturnType<typeof createPublicKey> {
  const x = Buffer.from(key).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function yCoordinate(point: Uint8Array): bigint {
  return littleEndian(point) & (2n ** 255n - 1n);
}

function littleEndian(input: Uint8Array): bigint {
  return BigInt(`0x${hex(input.slice().reverse())}`);
}
