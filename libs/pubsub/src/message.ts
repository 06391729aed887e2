/** A message ready to be published. */
export interface PublishMessage {
  readonly data: Buffer;
  /** Alternating names and values, each in UTF-8: name, value, name, value, … */
  readonly attributes: readonly Buffer[];
  /** Empty for a message without an ordering key. */
  readonly orderingKey: string;
  /** Size of the encoded message: `messageBytes` of the fields above. */
  readonly bytes: number;
}

/** Limits of one message and one request (Google Cloud documentation, "Pub/Sub quotas and limits", resource limits). */
export const LIMITS = {
  attributesPerMessage: 100,
  attributeNameBytes: 256,
  attributeValueBytes: 1_024,
  messagesPerRequest: 1_000,
  /** The documentation says 10 MB; Google's own clients stay below it with this value. */
  requestBytes: 9 * 1_048_576,
} as const;
