// How chain and proof travel with a call (SPEC section 11): gRPC metadata, HTTP headers, MCP `_meta`.

import { Refused } from "./errors.js";
import { LINK_ID_BYTES } from "./limits.js";

/** What comes with a call; what is absent is empty. A call has a chain or a chain digest, never both. */
export interface Carried {
  readonly chain: Uint8Array;
  readonly proof: Uint8Array;
  readonly chainDigest: Uint8Array;
}

export const MCP_KEY = "io.github.delegation-chain/delegation";

const NOTHING = new Uint8Array();
const GRPC_BYTES = 5632;
const HTTP_CHARACTERS = 6144;
const METADATA = {
  chain: "delegation-chain-bin",
  proof: "delegation-proof-bin",
  chainDigest: "delegation-chain-digest-bin",
} as const;
const HEADERS = {
  chain: "Delegation-Chain",
  proof: "Delegation-Proof",
  chainDigest: "Delegation-Chain-Digest",
} as const;
const MEMBERS = { chain: "chain", proof: "proof", chainDigest: "chain_digest" } as const;

type Names = Readonly<Record<keyof Carried, string>>;
const PARTS = ["chain", "proof", "chainDigest"] as const;

/** Reads gRPC metadata. Refuses `malformed`. */
export function receiveMetadata(entries: Iterable<readonly [key: string, value: Uint8Array | string]>): Carried {
  return collect(entries, METADATA, (value) => {
    if (typeof value === "string") throw malformed("a binary value arrived as text");
    return value;
  });
}

/** Reads HTTP headers; names in any case. Refuses `malformed`. */
export function receiveHeaders(entries: Iterable<readonly [name: string, value: string]>): Carried {
  const lowered = [...entries].map(([name, value]) => [name.toLowerCase(), value] as const);
  const names = { chain: "", proof: "", chainDigest: "" };
  for (const part of PARTS) names[part] = HEADERS[part].toLowerCase();
  return collect(lowered, names, decodeBase64Url);
}

/** Reads `params._meta` of an MCP request, as `JSON.parse` made it. Refuses `malformed`. */
export function receiveMeta(meta: unknown): Carried {
  if (meta === undefined) return { chain: NOTHING, proof: NOTHING, chainDigest: NOTHING };
  if (!isObject(meta)) throw malformed("_meta is no object");
  const ours = Object.hasOwn(meta, MCP_KEY) ? meta[MCP_KEY] : {};
  if (!isObject(ours)) throw malformed("the member of _meta is no object");
  const known: readonly string[] = Object.values(MEMBERS);
  if (!Object.keys(ours).every((name) => known.includes(name))) throw malformed("an unknown member");
  return collect(Object.entries(ours), MEMBERS, (value) => {
    if (typeof value !== "string") throw malformed("a member is no text");
    return decodeBase64Url(value);
  });
}

/** Makes gRPC metadata. Refuses (`token_too_large`) what might not arrive (H-5). */
export function sendMetadata(carried: Carried): [key: string, value: Uint8Array][] {
  const entries = present(carried).map((part): [string, Uint8Array] => [METADATA[part], carried[part]]);
  return within(entries, GRPC_BYTES);
}

/** Makes HTTP headers. Refuses (`token_too_large`) what might not arrive (H-5). */
export function sendHeaders(carried: Carried): [name: string, value: string][] {
  const entries = present(carried).map((part): [string, string] => [HEADERS[part], encodeBase64Url(carried[part])]);
  return within(entries, HTTP_CHARACTERS);
}

/** Makes the member of an MCP request's `params._meta`. */
export function sendMeta(carried: Carried): Record<string, Record<string, string>> {
  const members = present(carried).map((part) => [MEMBERS[part], encodeBase64Url(carried[part])] as const);
  return { [MCP_KEY]: Object.fromEntries(members) };
}

function collect<V>(entries: Iterable<readonly [string, V]>, names: Names, decode: (value: V) => Uint8Array): Carried {
  const found: Partial<Record<keyof Carried, Uint8Array>> = {};
  for (const [name, value] of entries) {
    const part = PARTS.find((candidate) => names[candidate] === name);
    if (part === undefined) continue;
    if (found[part] !== undefined) throw malformed("a part of the carriage is repeated");
    found[part] = decode(value);
  }
  if (found.chainDigest !== undefined) {
    if (found.chain !== undefined) throw malformed("a call has both a chain and a chain digest"); // H-6
    if (found.chainDigest.length !== LINK_ID_BYTES) throw malformed("a chain digest has a wrong size");
  }
  return { chain: NOTHING, proof: NOTHING, chainDigest: NOTHING, ...found };
}

function present(carried: Carried): (keyof Carried)[] {
  return PARTS.filter((part) => carried[part].length > 0);
}

function within<V extends { readonly length: number }>(entries: [string, V][], limit: number): [string, V][] {
  const size = entries.reduce((sum, [, value]) => sum + value.length, 0);
  if (size > limit) throw new Refused("token_too_large", "chain and proof might not arrive");
  return entries;
}

function encodeBase64Url(input: Uint8Array): string {
  return Buffer.from(input).toString("base64url");
}

/** Node's decoder skips what it does not know; so what it gives has to be written the same way again. */
function decodeBase64Url(text: string): Uint8Array {
  const decoded = Buffer.from(text, "base64url");
  if (decoded.toString("base64url") !== text) throw malformed("not base64url without padding");
  return new Uint8Array(decoded);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(detail: string): Refused {
  return new Refused("malformed", detail);
}
