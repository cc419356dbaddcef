// Tables of protobuf messages: what the `.proto` files declare, as far as the canonical form asks
// (SPEC section 3). Nothing is generated.

export type FieldKind = "uint32" | "uint64" | "bool" | "int64" | "sint64" | "enum" | "string" | "bytes" | "message";

/** One declared field. `T` is what a reader gives for it. */
export interface Field<T> {
  readonly number: number;
  readonly kind: FieldKind;
  readonly message?: () => Message<unknown>;
  readonly repeated?: true;
  readonly presence?: true;
  readonly oneof?: true;
  readonly reads?: T; // never set: carries the type
}

/** A message: its fields by name. */
export interface Message<T> {
  readonly fields: ReadonlyMap<number, readonly [name: string, field: Field<unknown>]>;
  readonly reads?: T; // never set: carries the type
}

export type Read<M> = M extends Message<infer T> ? T : never;

export const uint32 = (number: number): Field<number> => ({ number, kind: "uint32" });
export const uint64 = (number: number): Field<bigint> => ({ number, kind: "uint64" });
export const int64 = (number: number): Field<bigint> => ({ number, kind: "int64" });
export const sint64 = (number: number): Field<bigint> => ({ number, kind: "sint64" });
export const bool = (number: number): Field<boolean> => ({ number, kind: "bool" });
export const enumeration = (number: number): Field<number> => ({ number, kind: "enum" });
export const string = (number: number): Field<string> => ({ number, kind: "string" });
export const bytes = (number: number): Field<Uint8Array> => ({ number, kind: "bytes" });
export const nested = <T>(number: number, message: () => Message<T>): Field<T | undefined> => ({
  number,
  kind: "message",
  message,
  presence: true,
});
export const repeated = <T>(field: Field<T>): Field<NonNullable<T>[]> => {
  const { number, kind, message } = field;
  return message === undefined ? { number, kind, repeated: true } : { number, kind, message, repeated: true };
};
export const optional = <T>(field: Field<T>): Field<T | undefined> => ({ ...field, presence: true }) as Field<T>;
export const member = <T>(field: Field<T>): Field<T | undefined> =>
  ({ ...field, presence: true, oneof: true }) as Field<T>;

export function define<F extends Record<string, Field<unknown>>>(
  fields: F,
): Message<{ [K in keyof F]: F[K] extends Field<infer T> ? T : never }> {
  return { fields: new Map(Object.entries(fields).map(([name, field]) => [field.number, [name, field]])) };
}

export const VARINT = 0;
export const LENGTH = 2;

/** The one wire type that a field has. */
export function wireType(field: Field<unknown>): number {
  return isNumeric(field) && field.repeated !== true ? VARINT : LENGTH;
}

/** Whether the elements of a field stand one after another in one piece of bytes. */
export function packed(field: Field<unknown>): boolean {
  return isNumeric(field) && field.repeated === true;
}

function isNumeric(field: Field<unknown>): boolean {
  return field.kind !== "string" && field.kind !== "bytes" && field.kind !== "message";
}
