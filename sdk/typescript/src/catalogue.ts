// The catalogue of tools (SPEC section 9.7): which ones a guard may decide in process.

import { ascending, compareText, sameBytes, sha256 } from "./bytes.js";
import { read } from "./canonical.js";
import { Refused } from "./errors.js";
import { checkName, checkSize, checkText, requireField, timeOrZero } from "./field-values.js";
import {
  ARGUMENTS,
  DIGEST_BYTES,
  DOCUMENT_BYTES,
  FEED_AGE_MS,
  FEED_AGE_OTHER_MS,
  FEED_AGE_READ_MS,
  NAME_BYTES,
  NOT_BEFORE_LEEWAY_MS,
  OBSERVE_MS,
} from "./limits.js";
import * as messages from "./statement-messages.js";

const READ = 1;
const EFFECTS = 6;

/** Checks effects (T-19, B-2): named, sorted, unique, at least one. */
export function checkEffects(effects: readonly number[]): void {
  requireField(effects.length > 0 && ascending(effects, (a, b) => a - b), "effects are not sorted, unique, present");
  requireField(
    effects.every((effect) => effect >= 1 && effect <= EFFECTS),
    "an effect is not one of those there are",
  );
}

/** When a trust bundle was signed, and until when it is trusted. */
export interface BundleTimes {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export class Catalogue {
  constructor(readonly tools: readonly messages.CatalogueToolMessage[]) {}

  /** T-20: a tool that is not listed is not local. */
  isLocal(audience: string, tool: string): boolean {
    return this.#find(audience, tool)?.local ?? false;
  }

  /** how old the revocation feed may be when a tool runs. */
  maximumFeedAgeMs(audience: string, tool: string): number {
    const entry = this.#find(audience, tool);
    if (entry === undefined) return FEED_AGE_OTHER_MS;
    if (entry.maximumFeedAgeMs > 0n) return Number(entry.maximumFeedAgeMs);
    return entry.effects.length === 1 && entry.effects[0] === READ ? FEED_AGE_READ_MS : FEED_AGE_OTHER_MS;
  }

  /** T-39: by a bundle of these times, whether calls that would be refused run all the same, and are recorded so. */
  isObserved(audience: string, tool: string, bundle: BundleTimes, nowMs: number): boolean {
    const untilMs = Number(this.#find(audience, tool)?.observeUntilMs ?? 0n);
    if (untilMs > bundle.issuedAtMs + OBSERVE_MS || nowMs < bundle.issuedAtMs - NOT_BEFORE_LEEWAY_MS) return false;
    return nowMs < untilMs && nowMs < bundle.expiresAtMs;
  }

  #find(audience: string, tool: string): messages.CatalogueToolMessage | undefined {
    return this.tools.find((entry) => entry.audience === audience && entry.tool === tool);
  }
}

/** Takes a catalogue for a bundle with this digest. A bundle without one has none, and no tool is local (T-18). */
export function openCatalogue(bytes: Uint8Array, bundleDigest: Uint8Array): Catalogue {
  if (bundleDigest.length === 0 && bytes.length === 0) return new Catalogue([]);
  if (!sameBytes(sha256(bytes), bundleDigest)) {
    throw new Refused("bundle_invalid", "a catalogue is not the one that the trust bundle names");
  }
  return readCatalogue(bytes);
}

/** Reads a canonical `Catalogue`. */
export function readCatalogue(bytes: Uint8Array): Catalogue {
  if (bytes.length > DOCUMENT_BYTES) throw new Refused("token_too_large", "a catalogue is too large");
  const { tools } = read(messages.Catalogue, bytes);
  for (const tool of tools) checkTool(tool);
  const order = (a: messages.CatalogueToolMessage, b: messages.CatalogueToolMessage): number =>
    compareText(a.audience, b.audience) || compareText(a.tool, b.tool);
  requireField(ascending(tools, order), "tools are not sorted, or not unique");
  return new Catalogue(tools);
}

function checkTool(entry: messages.CatalogueToolMessage): void {
  const { audience, tool, effects, local, labels, owner, maximumFeedAgeMs } = entry;
  checkName(audience, "audience");
  checkName(tool, "tool");
  checkEffects(effects);
  requireField(maximumFeedAgeMs >= 0n && maximumFeedAgeMs <= FEED_AGE_MS, "a feed may not be so old");
  requireField(!local || (effects.length === 1 && effects[0] === READ), "a local tool does more than read");
  for (const label of labels) checkName(label, "label");
  requireField(ascending(labels, compareText), "labels are not sorted, or not unique");
  checkText(owner, NAME_BYTES, "owner");
  checkRecorded(entry);
  if (entry.manifestDigest.length > 0) checkSize(entry.manifestDigest, DIGEST_BYTES, "manifest_digest");
  else requireField(!entry.manifestRequired, "a manifest is required, and none is pinned");
  timeOrZero(entry.observeUntilMs, "observe_until_ms");
}

/** T-35. */
function checkRecorded({ recordedPlain, recordedDigest }: messages.CatalogueToolMessage): void {
  for (const names of [recordedPlain, recordedDigest]) {
    requireField(names.length <= ARGUMENTS, "more recorded arguments than a capability may name");
    for (const name of names) checkName(name, "a recorded argument");
    requireField(ascending(names, compareText), "recorded arguments are not sorted, or not unique");
  }
  const plain = new Set(recordedPlain);
  requireField(!recordedDigest.some((name) => plain.has(name)), "an argument is recorded twice");
}
