// A decoded message as the JSON of conformance vectors: the fields that stand in the bytes.

import { hex } from "../src/bytes.js";
import type { Field, Message } from "../src/canonical.js";
import { read } from "../src/canonical.js";
import type { Json } from "./vector-files.js";

/** Reads a canonical message as JSON. */
export function messageAsJson(message: Message<unknown>, bytes: Uint8Array): Json {
  return asJson(message, read(message, bytes) as Record<string, unknown>);
}

function asJson(message: Message<unknown>, value: Record<string, unknown>): Json {
  const result: { [name: string]: Json } = {};
  for (const [name, field] of message.fields.values()) {
    const content = value[name];
    if (!stands(field, content)) continue;
    const written = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    result[written] = Array.isArray(content)
      ? content.map((element) => fieldAsJson(field, element))
      : fieldAsJson(field, content);
  }
  return result;
}

function stands(field: Field<unknown>, content: unknown): boolean {
  if (field.presence === true) return content !== undefined;
  if (Array.isArray(content) || content instanceof Uint8Array) return content.length > 0;
  return Boolean(content);
}

function fieldAsJson(field: Field<unknown>, content: unknown): Json {
  if (field.message !== undefined) return asJson(field.message(), content as Record<string, unknown>);
  if (content instanceof Uint8Array) return hex(content);
  return typeof content === "bigint" ? Number(content) : (content as Json);
}
