// Exact numbers (SPEC section 5.1): `digits` × 10^-`places`, with as few places as there can be.

import { DECIMAL_CHARACTERS } from "./limits.js";

export interface ExactNumber {
  readonly digits: bigint;
  readonly places: number;
}

const NORMAL_FORM = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$/;
const TEXT = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/;
const SHORTEST = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:e([+-][0-9]+))?$/;

export function integer(value: bigint): ExactNumber {
  return { digits: value, places: 0 };
}

export function isInteger(number: ExactNumber): boolean {
  return number.places === 0;
}

/** The number of a decimal normal form, or undefined if the text is none. */
export function fromNormalForm(text: string): ExactNumber | undefined {
  return text.length <= DECIMAL_CHARACTERS && NORMAL_FORM.test(text) && text !== "-0" ? exact(text) : undefined;
}

/** The number of a decimal text, or undefined if the text is none. */
export function fromDecimalText(text: string): ExactNumber | undefined {
  if (text.length > DECIMAL_CHARACTERS || !TEXT.test(text)) return undefined;
  const number = exact(text);
  return number.digits === 0n && text.startsWith("-") ? undefined : number;
}

/** The number that the RFC 8785 text of a finite double denotes, read as decimal (S-1). */
export function fromDouble(value: number): ExactNumber {
  return exact(String(value));
}

/** Less than, equal to or greater than 0. */
export function compareNumbers(a: ExactNumber, b: ExactNumber): number {
  const places = Math.max(a.places, b.places);
  const difference = scaled(a, places) - scaled(b, places);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function scaled(number: ExactNumber, places: number): bigint {
  return number.digits * 10n ** BigInt(places - number.places);
}

function exact(text: string): ExactNumber {
  const [, sign, whole = "", fraction = "", exponent = "0"] = SHORTEST.exec(text) ?? [];
  let digits = BigInt(`${whole}${fraction}`);
  let places = fraction.length - Number(exponent);
  for (; places > 0 && digits % 10n === 0n; places--) digits /= 10n;
  if (places < 0) digits *= 10n ** BigInt(-places);
  return { digits: sign === "-" ? -digits : digits, places: Math.max(places, 0) };
}
