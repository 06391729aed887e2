import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, rawTopic } from '@orderstream/contracts';
import { RecordProducer } from '@orderstream/kafka';

import { type Fault } from './fault';
import { poisonFor } from './poison-records';

const TIMES = 3;
const MAX_PAUSE_MS = 1_500;
const MAX_REQUEST_BYTES = 4_000_000;

/** Records that the validator has to reject, each into one dead letter; no partition may stop for them. */
const poison = (family: Family): Fault => ({
  name: `poison ${family}`,
  description: `garbage, tombstones, huge bodies, odd headers and the like straight into ${rawTopic(family)}`,
  claims: [],
  recovers: ['validator'],
  async inflict({ stack, rng, planted }) {
    const producer = new RecordProducer(stack.kafka(), { maxRequestBytes: MAX_REQUEST_BYTES });
    await producer.connect();
    let sent = 0;
    try {
      for (let time = 0; time < TIMES; time++) {
        for (const { record, kind, reason } of poisonFor(family, rng)) {
          const { topic, partition } = record;
          // One that the broker did not acknowledge may be there or not: it stays a record of others.
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
