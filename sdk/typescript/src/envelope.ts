// The envelope of a token (SPEC section 2.1): links as they were signed, then statements about them.
// Its grammar is small enough to be read as it stands.

import { Refused } from "./errors.js";
import { LINKS, SIGNATURE_BYTES, STATEMENTS, TOKEN_BYTES } from "./limits.js";
import { readStatement, type Statement } from "./statements.js";

export interface SignedLink {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Envelope {
  readonly links: readonly SignedLink[];
  readonly statements: readonly Statement[];
}

const FIRST = 0x0a; // field 1, with a length
const SECOND = 0x12; // field 2, with a length

/** Steps 1 and 2 of verification. */
export function readEnvelope(token: Uint8Array): Envelope {
  if (token.length > TOKEN_BYTES) throw new Refused("token_too_large", "a token is too large");
  if (token[0] !== FIRST) throw new Refused("no_links", "a token does not begin with a link");
  const frames = new Frames(token);
  const links: SignedLink[] = [];
  while (frames.nextIs(FIRST)) {
    if (links.length === LINKS) throw new Refused("too_many_links", "a token has too many links");
    links.push(readSignedLink(frames.take()));
  }
  const written: Uint8Array[] = [];
  while (frames.nextIs(SECOND)) written.push(frames.take());
  frames.end();
  if (written.length > STATEMENTS) throw new Refused("statement_unsupported", "a token has too many statements");
  return { links, statements: written.map(readTokenStatement) };
}

function readSignedLink(frame: Uint8Array): SignedLink {
  const frames = new Frames(frame);
  const payload = frames.expect(FIRST);
  const signature = frames.expect(SECOND);
  frames.end();
  if (payload.length === 0 || signature.length !== SIGNATURE_BYTES) throw malformed();
  return { payload, signature };
}

function readTokenStatement(frame: Uint8Array): Statement {
  const statement = readStatement(frame);
  if (statement.kind !== "receipt" && statement.kind !== "binding") {
    throw new Refused("statement_unsupported", "a statement of this kind has no place in a token");
  }
  return statement;
}

class Frames {
  #position = 0;

  constructor(readonly input: Uint8Array) {}

  nextIs(key: number): boolean {
    return this.input[this.#position] === key;
  }

  expect(key: number): Uint8Array {
    if (!this.nextIs(key)) throw malformed();
    return this.take();
  }

  take(): Uint8Array {
    this.#position++; // the key
    const length = this.#length();
    const start = this.#position;
    if (length > this.input.length - start) throw malformed();
    this.#position += length;
    return this.input.subarray(start, this.#position);
  }

  end(): void {
    if (this.#position !== this.input.length) throw malformed();
  }

  /** A varint in its shortest form; three bytes hold every length that fits a token. */
  #length(): number {
    let length = 0;
    for (let index = 0; index < 3; index++) {
      const byte = this.input[this.#position++];
      if (byte === undefined || (byte === 0 && index > 0)) throw malformed();
      length += (byte & 0x7f) * 128 ** index;
      if (byte < 0x80) return length;
    }
    throw malformed();
  }
}

function malformed(): Refused {
  return new Refused("malformed", "a token does not match its grammar");
}
