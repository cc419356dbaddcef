// Normal forms of strings that name places: paths and strings in segments (SPEC section 5.1).
// Nothing is ever rewritten into a normal form (S-4).

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const TRIPLET = /%[0-9A-Fa-f]{2}/;
const SEPARATORS = new Set([...".:,;|#~-_@=+&! "]);

/** Whether a text is an absolute path in normal form. */
export function isPath(text: string): boolean {
  return text === "/" || (text.startsWith("/") && isInSegments(text, "/"));
}

/** Whether a text is in segments by a separator. */
export function isInSegments(text: string, separator: string): boolean {
  if (CONTROL.test(text) || text.includes("\\") || TRIPLET.test(text)) return false;
  const pieces = text.split(separator);
  if (separator === "/" && pieces.includes("", 1)) return false;
  return pieces.every((piece) => piece !== "." && piece !== "..");
}

/** Whether a character may separate segments; `/` does where none is written. */
export function isSeparator(character: string): boolean {
  return SEPARATORS.has(character);
}

/** Whether a path is this directory or lies below it; both in a normal form. */
export function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** Whether pieces of a pattern stand for pieces of a value: `*` for one, a last `**` for one or more. */
export function matchesSegments(pattern: readonly string[], value: readonly string[]): boolean {
  const open = pattern.at(-1) === "**";
  const fixed = open ? pattern.slice(0, -1) : pattern;
  if (open ? value.length <= fixed.length : value.length !== fixed.length) return false;
  const starts = fixed.every((piece, index) => (piece === "*" ? value[index] !== "" : value[index] === piece));
  return starts && value.slice(fixed.length).every((piece) => piece !== "");
}
