// Refusals: the reasons of SPEC section 12, each with its number and layer. Everything that a public
// function of this package refuses, it refuses by throwing `Refused`.

const LAYERS = {
  decode: "INVALID_ARGUMENT",
  signature: "PERMISSION_DENIED",
  linkage: "PERMISSION_DENIED",
  narrowing: "PERMISSION_DENIED",
  time: "PERMISSION_DENIED",
  statement: "PERMISSION_DENIED",
  revocation: "PERMISSION_DENIED",
  proof: "PERMISSION_DENIED",
  scope: "PERMISSION_DENIED",
  condition: "PERMISSION_DENIED",
  policy: "PERMISSION_DENIED",
  availability: "FAILED_PRECONDITION",
} as const;

export type Layer = keyof typeof LAYERS;

// In the order of their numbers, the first being number 1.
const LAYER_OF = {
  token_too_large: "decode",
  malformed: "decode",
  not_canonical: "decode",
  version_unsupported: "decode",
  field_invalid: "decode",
  key_invalid: "decode",
  no_links: "decode",
  too_many_links: "decode",
  too_many_capabilities: "decode",
  too_many_arguments: "decode",
  too_many_values: "decode",
  nesting_too_deep: "decode",
  constraint_unsupported: "decode",
  condition_unsupported: "decode",
  statement_unsupported: "decode",
  issuer_unknown: "signature",
  issuer_not_trusted: "signature",
  signature_invalid: "signature",
  grant_missing: "linkage",
  grant_repeated: "linkage",
  depth_exceeded: "linkage",
  scope_grew: "narrowing",
  not_yet_valid: "time",
  expired: "time",
  lifetime_too_long: "time",
  receipt_missing: "statement",
  statement_invalid: "statement",
  bundle_invalid: "statement",
  bundle_rollback: "statement",
  bundle_expired: "statement",
  offer_invalid: "statement",
  records_invalid: "statement",
  link_revoked: "revocation",
  holder_key_revoked: "revocation",
  agent_revoked: "revocation",
  task_ended: "revocation",
  principal_revoked: "revocation",
  issuer_key_revoked: "revocation",
  feed_stale: "revocation",
  feed_gap: "revocation",
  feed_rollback: "revocation",
  chain_missing: "proof",
  proof_missing: "proof",
  proof_invalid: "proof",
  proof_other_call: "proof",
  proof_stale: "proof",
  proof_from_future: "proof",
  proof_replayed: "proof",
  tool_not_permitted: "scope",
  argument_unexpected: "scope",
  argument_missing: "scope",
  argument_refused: "scope",
  arguments_invalid: "scope",
  arguments_too_large: "scope",
  evaluation_exhausted: "scope",
  condition_unmet: "condition",
  ceiling_exceeded: "policy",
  policy_denied: "policy",
  not_your_audience: "policy",
  service_unavailable: "availability",
  record_backlog: "availability",
  chain_unknown: "availability",
  internal: "availability",
  federation_exceeded: "policy",
  calls_exhausted: "condition",
  budget_exceeded: "condition",
  session_full: "condition",
  approval_required: "condition",
  authentication_required: "policy",
} as const satisfies Record<string, Layer>;

export type Reason = keyof typeof LAYER_OF;

export function isReason(name: string): name is Reason {
  return Object.hasOwn(LAYER_OF, name);
}

/** What a link may not do, in words that hold no value of a call. */
export interface Growth {
  readonly field: string;
  readonly parent: string;
  readonly child: string;
}

/** A refusal. Its message never holds a token, a key or the value of an argument (X-2). */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly layer: Layer;
  /** Index of the link at fault, 0 being the grant; undefined if no link is. */
  readonly link: number | undefined;
  readonly growth: Growth | undefined;

  constructor(
    readonly reason: Reason,
    readonly detail: string,
    at: { link?: number | undefined; growth?: Growth | undefined } = {},
  ) {
    super(`${reason}${at.link === undefined ? "" : ` (link ${at.link})`}: ${detail}`);
    this.layer = LAYER_OF[reason];
    this.link = at.link;
    this.growth = at.growth;
  }

  /** The same refusal, blamed on a link, unless it already is on one. */
  atLink(link: number): Refused {
    return this.link === undefined ? new Refused(this.reason, this.detail, { link, growth: this.growth }) : this;
  }

  /** The same refusal for another reason, where SPEC names one reason for every fault of a document. */
  as(reason: Reason): Refused {
    return new Refused(reason, this.detail, { link: this.link, growth: this.growth });
  }
}

/** Runs an action; what it refuses is blamed on a link. */
export function blaming<T>(link: number, action: () => T): T {
  return mapping(action, (refused) => refused.atLink(link));
}

/** Runs an action; what it refuses is refused for this one reason. */
export function refusing<T>(reason: Reason, action: () => T): T {
  return mapping(action, (refused) => refused.as(reason));
}

/** Runs an action; a failure to decide, of whatever kind, is a refusal (G-2). */
export function deciding<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("internal", "deciding failed");
  }
}

/** The reason with a number of SPEC section 12; an unknown one is `internal` (X-1). */
export function reasonOfNumber(number: number): { reason: Reason; layer: Layer; grpcCode: string } {
  const reason = (Object.keys(LAYER_OF) as Reason[])[number - 1] ?? "internal";
  const layer = LAYER_OF[reason];
  return { reason, layer, grpcCode: LAYERS[layer] };
}

function mapping<T>(action: () => T, change: (refused: Refused) => Refused): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof Refused ? change(error) : error;
  }
}
