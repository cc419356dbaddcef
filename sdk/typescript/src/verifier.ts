// A verifier that stands before tools: one audience, what it trusts, what it knows to be revoked, and the
// nonces it has seen. No clock of its own: every question says when it is asked.

import { authorizeCall, type Call } from "./authorize.js";
import { deciding, Refused } from "./errors.js";
import { checkProof, type NonceMemory } from "./proofs.js";
import type { RevocationFeed, Revocations } from "./revocation.js";
import type { Trust } from "./trust.js";
import { verifyToken, type VerifiedChain } from "./verify.js";

/** When a question is asked: milliseconds since the Unix epoch, and of a clock that never goes back. */
export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export interface VerifierOptions {
  /** Who this verifier speaks for: the audience of all its tools. */
  readonly audience: string;
  readonly trust: Trust;
  readonly feed: RevocationFeed;
  /** T-28: feeds of other trust domains by their names, each taken under its own bundle; of others nothing passes. */
  readonly federatedFeeds?: ReadonlyMap<string, RevocationFeed>;
  readonly nonces: NonceMemory;
}

/** A call of a tool at the verifier's own audience. */
export type ToolCall = Omit<Call, "audience">;

/** Every method throws `Refused`, or the call may go on. */
export class Verifier {
  readonly #options: VerifierOptions;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** Verifies a token (SPEC section 6). It says nothing about a call yet, nor about who sent it. */
  verify(token: Uint8Array, at: Moment): VerifiedChain {
    return deciding(() => {
      if (token.length === 0) throw new Refused("chain_missing", "there is no chain");
      const { trust, feed, federatedFeeds } = this.#options;
      const revokedBy = (trustDomain: string) => whileFresh(federatedFeeds?.get(trustDomain), at);
      return verifyToken(token, { nowMs: at.nowMs, trust, revocations: whileFresh(feed, at), revokedBy });
    });
  }

  /** Checks that the chain's leaf asked for this very call, once (SPEC section 7). */
  checkProof(chain: VerifiedChain, proof: Uint8Array, call: ToolCall, { nowMs }: Moment): void {
    deciding(() => {
      const { audience, nonces } = this.#options;
      const { remembersFromMs } = nonces;
      const { holderKey, id: chainDigest } = chain.leaf;
      const proven = { holderKey, chainDigest, audience, tool: call.tool, argumentsDigest: call.arguments.digest };
      nonces.take(checkProof(proof, proven, { nowMs, remembersFromMs }), nowMs);
    });
  }

  /** Decides the call by every link of the chain (SPEC section 8). */
  authorize(chain: VerifiedChain, call: ToolCall): void {
    deciding(() => {
      authorizeCall(chain.links, { ...call, audience: this.#options.audience });
    });
  }

  /** All three, in this order. */
  permit(carried: { chain: Uint8Array; proof: Uint8Array }, call: ToolCall, at: Moment): VerifiedChain {
    const chain = this.verify(carried.chain, at);
    this.checkProof(chain, carried.proof, call, at);
    this.authorize(chain, call);
    return chain;
  }
}

function whileFresh(feed: RevocationFeed | undefined, at: Moment): Revocations | undefined {
  return feed?.isFresh(at) === true ? feed.revoked : undefined;
}
