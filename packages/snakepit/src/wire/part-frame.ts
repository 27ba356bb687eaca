/** What stands in front of the bytes of one frame of a part. */
export interface PartHeader {
  /** The call whose record the part belongs to. */
  readonly callId: number;
  /** Which of that record's parts, from 0. */
  readonly number: number;
  /** The length of the whole part. */
  readonly partBytes: number;
}

/** One frame of a part, to be sent. */
export interface PartFrame extends PartHeader {
  readonly bytes: Uint8Array;
  /** Called when the bytes were sent, or never will be: they may be used for others then. */
  readonly sent?: () => void;
}

/** On a socket: call id and number in 4 bytes each, the length of the part in 8; big endian. */
export const PART_HEADER_BYTES = 16;

export function writePartHeader(target: Buffer, offset: number, header: PartHeader): void {
  target.writeUInt32BE(header.callId, offset);
  target.writeUInt32BE(header.number, offset + 4);
  target.writeBigUInt64BE(BigInt(header.partBytes), offset + 8);
}

export function readPartHeader(source: Buffer): PartHeader {
  return {
    callId: source.readUInt32BE(0),
    number: source.readUInt32BE(4),
    // Above 2^53 it is rounded, and refused all the same.
    partBytes: Number(source.readBigUInt64BE(8)),
  };
}
