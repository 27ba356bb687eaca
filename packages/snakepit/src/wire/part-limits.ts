// docs/protocol.md, "Big values", in numbers.

/**
 * A binary of so many bytes travels outside its document. Measured at 64 KiB, 256 KiB and 1 MiB:
 * docs/decisions/2026-11-21-big-values-travel-in-parts.md.
 */
export const PART_BYTES = 256 * 1024;
/** A shorter part is refused: what a value may cost beside its bytes is bounded by this. */
export const SMALLEST_PART_BYTES = 64 * 1024;
/** Most bytes of a part in one frame: how long a small frame waits behind it. */
export const PART_FRAME_BYTES = 1024 * 1024;
/** How far the sender of parts may be ahead of their receiver, over a whole connection. */
export const PART_CREDIT_BYTES = 4 * 1024 * 1024;
/** Values of one direction of a connection whose parts take turns; the others wait. */
export const VALUES_AT_ONCE = 8;
/** Most bytes of one value in parts, when nobody says otherwise. */
export const DEFAULT_MAX_VALUE_BYTES = 1024 * 1024 * 1024;
