import { loadFromKafkajs } from './kafkajs-internals';

/** Encoding of the "flexible" versions of requests (KIP-482), which kafkajs does not implement. */

interface Encoder {
  writeBuffer(bytes: Buffer): Encoder;
}

/** Each structure ends with the number of its tagged fields: none here. */
export const NO_TAGS = Buffer.of(0);

/** The bytes in the shape of the Encoder that kafkajs expects. */
export function encoderOf(bytes: Buffer): unknown {
  const KafkajsEncoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => Encoder;
  return new KafkajsEncoder().writeBuffer(bytes);
}

/** The count plus 1, as an unsigned varint: 0 stands for null. */
export function compactCount(count: number): Buffer {
  const bytes: number[] = [];
  let left = count + 1;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.of(...bytes, left);
}

export function compactString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([compactCount(bytes.length), bytes]);
}

/** Reads the fields of a response one after the other. */
export class FlexibleReader {
  private at = 0;
  constructor(private readonly payload: Buffer) {}

  boolean(): boolean {
    return this.payload.readInt8(this.at++) !== 0;
  }
  int16(): number {
    return this.payload.readInt16BE((this.at += 2) - 2);
  }
  int32(): number {
    return this.payload.readInt32BE((this.at += 4) - 4);
  }
  int64(): number {
    return Number(this.payload.readBigInt64BE((this.at += 8) - 8));
  }
  /** In Kafka's text form: URL-safe base64 of 22 characters. */
  uuid(): string {
    return this.payload.subarray(this.at, (this.at += 16)).toString('base64url');
  }
  text(): string | null {
    const length = this.unsigned() - 1;
    return length < 0 ? null : this.payload.toString('utf8', this.at, (this.at += length));
  }
  list<T>(item: () => T): T[] {
    return Array.from({ length: Math.max(this.unsigned() - 1, 0) }, item);
  }
  skipTags(): void {
    for (let left = this.unsigned(); left > 0; left--) {
      this.unsigned();
      this.at += this.unsigned();
    }
  }

  private unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.payload.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }
}
