import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, rawTopic } from '@orderstream/contracts';
import { RecordProducer } from '@orderstream/kafka';

import { type Fault } from './fault';
import { poisonFor } from './poison-records';
import { sendPoison } from './send-poison';

const TIMES = 3;
const MAX_PAUSE_MS = 1_500;
const MAX_REQUEST_BYTES = 4_000_000;

/** Records that the validator must reject, each into one dead letter, or accept. No partition may stop because of them. */
const poison = (family: Family): Fault => ({
  name: `poison ${family}`,
  description: `invalid bodies, tombstones, oversized records, unusual headers and more, sent to ${rawTopic(family)}`,
  claims: [],
  recovers: ['validator'],
  async inject({ stack, rng, planted }) {
    const producer = new RecordProducer(stack.kafka(), { maxRequestBytes: MAX_REQUEST_BYTES });
    await producer.connect();
    let sent = 0;
    try {
      for (let time = 0; time < TIMES; time++) {
        for (const make of poisonFor(family, rng)) {
          await sendPoison({ producer, broker: stack.endpoints.kafka, planted }, make);
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
