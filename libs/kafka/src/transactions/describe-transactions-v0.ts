import { compactCount, compactString, encoderOf, FlexibleReader, NO_TAGS } from '../client/flexible-encoding';
import { type ProtocolRequest } from '../client/kafkajs-internals';

export interface DescribeTransactionsResponse {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  /** As the coordinator names it: `Empty`, `Ongoing`, `PrepareCommit`, `CompleteCommit`, `PrepareAbort`, `CompleteAbort`, … */
  readonly state: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** Brokers have it since 3.0, kafkajs does not. */
export const DESCRIBE_TRANSACTIONS_API_KEY = 65;
const VERSION = 0;

/**
 * DescribeTransactions, version 0, of one transactional id. Sent to the coordinator of the id, it returns a
 * DescribeTransactionsResponse.
 */
export function describeTransactionsV0(transactionalId: string): ProtocolRequest {
  return {
    request: {
      apiKey: DESCRIBE_TRANSACTIONS_API_KEY,
      apiVersion: VERSION,
      // Kafka protocol guide. The first NO_TAGS ends the request header, version 2.
      encode: () =>
        Promise.resolve(encoderOf(Buffer.concat([NO_TAGS, compactCount(1), compactString(transactionalId), NO_TAGS]))),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (response) => Promise.resolve(response),
    },
  };
}

/** DescribeTransactions response, version 0, after the correlation id of its header. */
function decodeResponse(payload: Buffer): DescribeTransactionsResponse {
  const reader = new FlexibleReader(payload);
  reader.skipTags();
  const clientSideThrottleTime = reader.int32();
  const [transaction] = reader.list(() => {
    const errorCode = reader.int16();
    reader.text(); // transactional id
    const state = reader.text() ?? '';
    reader.int32(); // timeout
    reader.int64(); // start
    const producerId = reader.int64().toString();
    const producerEpoch = reader.int16();
    reader.list(() => {
      reader.text();
      reader.list(() => reader.int32());
      reader.skipTags();
    });
    reader.skipTags();
    return { errorCode, state, producerId, producerEpoch };
  });
  if (transaction === undefined) throw new RangeError('DescribeTransactions returned no transaction');
  return { clientSideThrottleTime, ...transaction };
}
