// URLs in normal form (SPEC section 5.1), taken apart. What is not in it is no URL here.

import { isIPv4 } from "./addresses.js";

export interface Url {
  readonly scheme: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly path: string;
}

const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9.-]*)(?::([^/?]*))?(?:(\/[^?]*)(?:\?(.*))?)?$/s;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NUMERIC_LABEL = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const DEFAULT_PORTS = new Map([
  ["http", 80],
  ["ws", 80],
  ["https", 443],
  ["wss", 443],
  ["ftp", 21],
]);
const SCHEME = /^[a-z][a-z0-9+.-]*$/;
const PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})*$/;
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-F]{2})*$/;
const DISGUISED = /^[\u0000-\u001f\u007f%/\\;A-Za-z0-9\-._~]$/;

/** The parts of a URL in normal form, or undefined. */
export function parseUrl(text: string): Url | undefined {
  const parts = URL_PARTS.exec(text);
  if (parts === null) return undefined;
  const [, scheme = "", host = "", port, path = "", query = ""] = parts;
  if (!isHost(host) || !isUrlPath(path) || !QUERY.test(query)) return undefined;
  if (port !== undefined && !(PORT.test(port) && isPort(Number(port), scheme))) return undefined;
  return { scheme, host, port: port === undefined ? undefined : Number(port), path: path === "" ? "/" : path };
}

/** Whether a port may be written after a scheme: its default is not. */
export function isPort(port: number, scheme: string): boolean {
  return port >= 1 && port <= 65_535 && port !== DEFAULT_PORTS.get(scheme);
}

export function isScheme(text: string): boolean {
  return SCHEME.test(text);
}

export function isHost(host: string): boolean {
  const labels = host.split(".");
  if (host.length > 253 || !labels.every((label) => LABEL.test(label))) return false;
  return !NUMERIC_LABEL.test(labels.at(-1) ?? "") || isIPv4(host);
}

/** Whether a text is a path of a URL in normal form; it may be empty. */
export function isUrlPath(path: string): boolean {
  if (path === "") return true;
  if (!path.startsWith("/") || path.includes("//") || !PATH.test(path)) return false;
  const hides = [...path.matchAll(/%([0-9A-F]{2})/g)].some(([, code = ""]) =>
    DISGUISED.test(String.fromCharCode(parseInt(code, 16))),
  );
  return !hides && isUtf8(path) && !path.split("/").some((segment) => /^\.\.?(?:;|$)/.test(segment));
}

/** Whether what the triplets of a path stand for is UTF-8. */
function isUtf8(path: string): boolean {
  const bytes = [...path.matchAll(/%([0-9A-F]{2})|[^%]/g)].map(([one, code]) =>
    code === undefined ? one.charCodeAt(0) : parseInt(code, 16),
  );
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return false;
  }
  return true;
}
