import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, rawTopic } from '@orderstream/contracts';
import { RecordProducer } from '@orderstream/kafka';

import { type Fault } from './fault';
import { poisonFor } from './poison-records';

const TIMES = 3;
const MAX_PAUSE_MS = 1_500;
const MAX_REQUEST_BYTES = 4_000_000;

/** Records that the validator must reject, each into one dead letter. No partition may stop because of them. */
const poison = (family: Family): Fault => ({
  name: `poison ${family}`,
  description: `invalid bodies, tombstones, oversized records, malformed headers and more, sent to ${rawTopic(family)}`,
  claims: [],
  recovers: ['validator'],
  async inject({ stack, rng, planted }) {
    const producer = new RecordProducer(stack.kafka(), { maxRequestBytes: MAX_REQUEST_BYTES });
    await producer.connect();
    let sent = 0;
    try {
      for (let time = 0; time < TIMES; time++) {
        for (const { record, kind, reason } of poisonFor(family, rng)) {
          const { topic, partition } = record;
          // Counted before the send: a record without an acknowledgement may be in the log.
          planted.sent++;
          const [range] = await producer.send([record]);
          if (range !== undefined) planted.add({ topic, partition, offset: range.baseOffset, kind, reason });
          sent++;
        }
        await delay(rng.between(0, MAX_PAUSE_MS));
      }
    } finally {
      await producer.disconnect();
    }
    return { detail: `${String(sent)} records` };
  },
});

export const POISON_FAULTS: readonly Fault[] = FAMILIES.map(poison);
