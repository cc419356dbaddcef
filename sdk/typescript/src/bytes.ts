// Byte strings: joining, comparing, naming them in hexadecimal.

import { createHash } from "node:crypto";

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function utf8(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

export function hex(input: Uint8Array): string {
  return Buffer.from(input).toString("hex");
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Less than, equal to or greater than 0, by the UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}

/** Whether each element is greater than the one before: sorted, and none twice. */
export function ascending<T>(elements: readonly T[], compare: (a: T, b: T) => number): boolean {
  return elements.every((element, index) => index === 0 || compare(elements[index - 1] as T, element) < 0);
}
