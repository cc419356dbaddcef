// Writing messages in canonical form (SPEC section 3). A verifier writes none (C-11): the tests do, to see
// that what is read is written the same, and to sign what they need.

import { join, utf8 } from "../src/bytes.js";
import { LENGTH, packed, VARINT, wireType, type Field, type FieldKind, type Message } from "../src/schema.js";

/** The one encoding of a message; fields that are left out are absent. */
export function writeMessage<T>(message: Message<T>, value: Partial<T>): Uint8Array {
  const fields = [...message.fields.values()].sort(([, a], [, b]) => a.number - b.number);
  return join(...fields.map(([name, field]) => writeField(field, value[name as keyof T])));
}

function writeField(field: Field<unknown>, content: unknown): Uint8Array {
  if (content === undefined) return new Uint8Array();
  const elements = field.repeated === true ? (content as unknown[]) : [content];
  if (packed(field)) {
    const numbers = join(...elements.map((element) => writeVarint(asVarint(field.kind, element))));
    return numbers.length === 0 ? numbers : join(writeKey(field), writeVarint(BigInt(numbers.length)), numbers);
  }
  const written = field.presence === true || field.repeated === true ? elements : elements.filter(isSet);
  return join(...written.map((element) => join(writeKey(field), writeValue(field, element))));
}

function writeKey(field: Field<unknown>): Uint8Array {
  return writeVarint(BigInt(field.number * 8 + wireType(field)));
}

function writeValue(field: Field<unknown>, value: unknown): Uint8Array {
  if (wireType(field) === VARINT) return writeVarint(asVarint(field.kind, value));
  const bytes = asBytes(field, value);
  return join(writeVarint(BigInt(bytes.length)), bytes);
}

function asBytes(field: Field<unknown>, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return utf8(value);
  if (field.message === undefined) throw new TypeError(`nothing of wire type ${LENGTH}`);
  return writeMessage(field.message(), value as object);
}

function asVarint(kind: FieldKind, value: unknown): bigint {
  const number = BigInt(value as bigint | number | boolean);
  return BigInt.asUintN(64, kind === "sint64" ? (number << 1n) ^ (number >> 63n) : number);
}

function writeVarint(value: bigint): Uint8Array {
  const groups: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) groups.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...groups, Number(rest));
}

function isSet(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length > 0 : Boolean(value);
}
