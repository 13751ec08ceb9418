// A signature's fingerprint for the page's own storage: short, at once, without a secure context.

/**
 * 64 bits of a text, as letters and digits. Two multiplications per character, after Fowler, Noll and Vo.
 *
 * Not cryptographic: it tells apart the few tokens of one browser and never leaves it. `crypto.subtle` answers later,
 * when the page may be gone, and not at all on pages without TLS.
 */
export function digest(text: string): string {
  let high = 0x811c9dc5;
  let low = 0x2545f491;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(((low << 13) | (low >>> 19)) ^ unit, 0x9e3779b1);
  }
  return (high >>> 0).toString(36) + "." + (low >>> 0).toString(36);
}

/** A signature's letters and digits: what is left of it whatever quoting, padding or line breaks were done to it. */
export function bare(signature: string): string {
  return signature.replace(/[^A-Za-z0-9]/g, "");
}
