// Reading protobuf messages in their canonical form (SPEC section 3): the one encoding of what they say.

import { Refused } from "./errors.js";
import { LENGTH, packed, VARINT, wireType, type Field, type FieldKind, type Message } from "./schema.js";

const NESTED_MESSAGES = 250; // nothing within the limits is half as deep
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A message as it was read, and whether its bytes were in canonical form. */
export interface Parsed<T> {
  readonly value: T;
  readonly canonical: boolean;
}

/** Reads a message as leniently as a protobuf parser does. Refuses `malformed` only. */
export function parse<T>(message: Message<T>, input: Uint8Array): Parsed<T> {
  const reader = new Reader();
  const value = reader.message(message, input, 1) as T;
  return { value, canonical: reader.canonical };
}

/** Reads a message that must be in canonical form. Refuses `malformed` and `not_canonical`. */
export function read<T>(message: Message<T>, input: Uint8Array): T {
  const { value, canonical } = parse(message, input);
  if (!canonical) throw new Refused("not_canonical", "a message is not in its canonical form");
  return value;
}

class Reader {
  canonical = true;

  message(message: Message<unknown>, input: Uint8Array, depth: number): Record<string, unknown> {
    if (depth > NESTED_MESSAGES) throw malformed("messages are nested too deep");
    const result = empty(message);
    const cursor = new Cursor(input, this);
    let last = 0;
    let chosen: string | undefined;
    while (!cursor.atEnd()) {
      const key = cursor.varint();
      const number = Number(key >> 3n);
      const wire = Number(key & 7n);
      if (number === 0 || number >= 2 ** 29) throw malformed("a field number is out of range");
      const [name, field] = message.fields.get(number) ?? [];
      if (name === undefined || field === undefined || wire !== wireType(field)) {
        this.canonical = false; // C-7
        cursor.skip(wire);
        continue;
      }
      const again = number === last && field.repeated === true && !packed(field);
      if (number < last || (number === last && !again)) this.canonical = false; // C-1, C-5, C-6
      last = Math.max(last, number);
      if (field.oneof === true) {
        if (chosen !== undefined && chosen !== name) {
          this.canonical = false; // C-5
          result[chosen] = undefined;
        }
        chosen = name;
      }
      this.#field(result, name, field, cursor, depth);
    }
    return result;
  }

  #field(result: Record<string, unknown>, name: string, field: Field<unknown>, cursor: Cursor, depth: number): void {
    if (packed(field)) {
      const elements = new Cursor(cursor.chunk(), this);
      if (elements.atEnd()) this.canonical = false; // C-6
      while (!elements.atEnd()) (result[name] as unknown[]).push(this.#number(field.kind, elements.varint()));
      return;
    }
    const value = this.#value(field, cursor, depth);
    if (field.repeated === true) {
      (result[name] as unknown[]).push(value);
      return;
    }
    if (field.presence !== true && isDefault(value)) this.canonical = false; // C-3
    result[name] = value;
  }

  #value(field: Field<unknown>, cursor: Cursor, depth: number): unknown {
    if (wireType(field) === VARINT) return this.#number(field.kind, cursor.varint());
    const chunk = cursor.chunk();
    if (field.kind === "bytes") return chunk;
    if (field.kind === "string") return decodeUtf8(chunk);
    if (field.message === undefined) throw new TypeError("a message field without its message");
    return this.message(field.message(), chunk, depth + 1);
  }

  #number(kind: FieldKind, varint: bigint): number | bigint | boolean {
    switch (kind) {
      case "uint32":
        return Number(this.#fits(varint, BigInt.asUintN(32, varint)));
      case "bool":
        return this.#fits(varint, varint === 0n ? 0n : 1n) !== 0n;
      case "int64":
        return BigInt.asIntN(64, varint);
      case "sint64":
        return (varint & 1n) === 0n ? varint >> 1n : -(varint >> 1n) - 1n;
      case "enum":
        return Number(this.#fits(BigInt.asIntN(64, varint), BigInt.asIntN(32, varint)));
      default:
        return varint;
    }
  }

  /** What is left of a number in its type, as protobuf parsers cut it. */
  #fits(written: bigint, left: bigint): bigint {
    if (written !== left) this.canonical = false;
    return left;
  }
}

class Cursor {
  #position = 0;

  constructor(
    readonly input: Uint8Array,
    readonly reader: Reader,
  ) {}

  atEnd(): boolean {
    return this.#position === this.input.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.input[this.#position++];
      if (byte === undefined) throw malformed("a varint is cut short");
      value |= BigInt(byte & 0x7f) << shift;
      if (value >= 1n << 64n) throw malformed("a varint has more than 64 bits");
      if (byte < 0x80) {
        if (byte === 0 && shift > 0n) this.reader.canonical = false; // C-2
        return value;
      }
      if (shift === 63n) throw malformed("a varint has more than 64 bits");
    }
  }

  chunk(): Uint8Array {
    return this.#take(this.varint());
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === 1) this.#take(8n);
    else if (wire === LENGTH) this.chunk();
    else if (wire === 5) this.#take(4n);
    else throw malformed("a wire type has no meaning here");
  }

  #take(length: bigint): Uint8Array {
    if (length > BigInt(this.input.length - this.#position)) throw malformed("a field is cut short");
    const start = this.#position;
    this.#position += Number(length);
    return this.input.subarray(start, this.#position);
  }
}

function empty(message: Message<unknown>): Record<string, unknown> {
  return Object.fromEntries([...message.fields.values()].map(([name, field]) => [name, absent(field)]));
}

function absent(field: Field<unknown>): unknown {
  if (field.repeated === true) return [];
  if (field.presence === true) return undefined;
  switch (field.kind) {
    case "string":
      return "";
    case "bytes":
      return new Uint8Array();
    case "bool":
      return false;
    case "uint32":
    case "enum":
      return 0;
    default:
      return 0n;
  }
}

function isDefault(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

function decodeUtf8(input: Uint8Array): string {
  try {
    return UTF8.decode(input);
  } catch {
    throw malformed("a string is not UTF-8");
  }
}

function malformed(detail: string): Refused {
  return new Refused("malformed", detail);
}
