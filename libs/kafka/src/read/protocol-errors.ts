import { loadFromKafkajs } from '../client/kafkajs-internals';

export const OFFSET_OUT_OF_RANGE = 1;

/** The kafkajs error for an error code of the Kafka protocol. */
export function createErrorOf(code: number): Error {
  const { createErrorFromCode } = loadFromKafkajs('kafkajs/src/protocol/error.js') as {
    createErrorFromCode: (code: number) => Error;
  };
  return createErrorFromCode(code);
}
