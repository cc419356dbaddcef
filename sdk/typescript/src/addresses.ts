// IP addresses and networks in normal form (SPEC section 5.1): one spelling for each.

export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Network extends Address {
  /** How many leading bits count. */
  readonly length: number;
}

const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;
const MAPPED = 0xffffn; // ::ffff:0:0/96 by its leading 96 bits

export function isIPv4(text: string): boolean {
  return parseIPv4(text) !== undefined;
}

/** The address that a text in normal form writes, or undefined. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseIPv6(text) : parseIPv4(text);
}

/** The network that a text in normal form writes, or undefined. */
export function parseNetwork(text: string): Network | undefined {
  const [prefix = "", digits = "", ...more] = text.split("/");
  const address = parseAddress(prefix);
  if (address === undefined || more.length > 0 || !LENGTH.test(digits)) return undefined;
  const network = { ...address, length: Number(digits) };
  if (network.length > network.bits) return undefined;
  return leading(network, network) << host(network) === network.value ? network : undefined;
}

/** Whether an address, or all of a network, lies in a network. */
export function liesIn(inner: Address | Network, network: Network): boolean {
  if (inner.bits !== network.bits || ("length" in inner && inner.length < network.length)) return false;
  return leading(inner, network) === leading(network, network);
}

function leading(address: Address, network: Network): bigint {
  return address.value >> host(network);
}

function host(network: Network): bigint {
  return BigInt(network.bits - network.length);
}

function parseIPv4(text: string): Address | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255)) return undefined;
  return { bits: 32, value: octets.reduce((value, octet) => value * 256n + BigInt(octet), 0n) };
}

function parseIPv6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => GROUP.test(group))) return undefined;
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return formatIPv6(value) === text && value >> 32n !== MAPPED ? { bits: 128, value } : undefined;
}

/** RFC 5952 section 4: no leading zeros, `::` for the first longest run of two or more zero groups. */
function formatIPv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  let start = 0;
  let length = 1;
  for (let first = 0; first < 8; first++) {
    let run = 0;
    while (groups[first + run] === 0n) run++;
    if (run > length) [start, length] = [first, run];
  }
  const text = groups.map((group) => group.toString(16));
  if (length === 1) return text.join(":");
  return `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`;
}
