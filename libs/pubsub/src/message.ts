/** A message ready to be published. */
export interface PublishMessage {
  readonly data: Buffer;
  /** Names and values in turn, each in UTF-8: name, value, name, value, … */
  readonly attributes: readonly Buffer[];
  /** Empty: the message has no place in any order. */
  readonly orderingKey: string;
  /** Size of the encoded message: `messageBytes` of the parts above. */
  readonly bytes: number;
}

/** Limits of one message and one request (Google Cloud documentation, "Pub/Sub quotas and limits", resource limits). */
export const LIMITS = {
  attributesPerMessage: 100,
  attributeNameBytes: 256,
  attributeValueBytes: 1_024,
  messagesPerRequest: 1_000,
  /** Below the 10 MB of the documentation, as Google's own clients keep it. */
  requestBytes: 9 * 1_048_576,
} as const;
