// Trust and revocations as vectors give them.

import { Revocations, type RevocationKind } from "../src/revocation.js";
import { Trust, type TrustedKey } from "../src/trust.js";
import { fromHex, list, members, number, text, type Json } from "./vector-files.js";

export function readTrust(json: Json | undefined): Trust {
  const { expires_at_ms, keys } = members(json, ["expires_at_ms", "keys"]);
  return new Trust(number(expires_at_ms), list(keys).map(readTrustedKey));
}

const KEY_MEMBERS = ["purpose", "public_key", "not_before_ms", "not_after_ms", "state"];

function readTrustedKey(json: Json): TrustedKey {
  const key = members(json, KEY_MEMBERS, ["compromised_at_ms"]);
  return {
    purpose: text(key["purpose"]) as TrustedKey["purpose"],
    publicKey: fromHex(key["public_key"]),
    notBeforeMs: number(key["not_before_ms"]),
    notAfterMs: number(key["not_after_ms"]),
    state: text(key["state"]) as TrustedKey["state"],
  };
}

export function readRevocations(json: Json | undefined): Revocations | undefined {
  if (json === null) return undefined;
  return new Revocations(
    list(json).map((element) => {
      const { kind, id } = members(element, ["kind", "id"]);
      return { kind: text(kind) as RevocationKind, id: fromHex(id) };
    }),
  );
}
