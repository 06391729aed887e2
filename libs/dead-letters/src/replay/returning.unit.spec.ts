import { type Admin } from 'kafkajs';
import { type PlanRecord } from './plan-events';
import { Tally } from './plan-log';
import { type LetterTopic, replayTopicOf } from './replay-topic';
import { returningOf } from './returning';

const OWN = 'marketplace.orders.raw.v1.dlq.validator';
const FOREIGN = 'connect.dlq';

function planOf(topic: string, more: Partial<PlanRecord> = {}): PlanRecord {
  const options = { includeDuplicates: false, followers: true, ratePerSecond: 1, canary: 0, stopAboveShare: 1 };
  const created = { kind: 'created', plan: 'p', at: '', actor: 'a', idempotencyKey: 'k', filter: {} } as const;
  const preview = {
    ...{ at: '', upTo: { 0: 5, 1: 7 }, letters: 1, followers: 0, total: 1, samples: [], warnings: [] },
    settings: { version: '', revision: 0 },
    dryRun: { passes: 0, fails: [], undecided: 1 },
    sources: [{ topic: 'invoices', letters: 1 }],
  };
  return {
    ...{ created: { ...created, topic, options }, revision: 3, state: 'running', preview },
    ...{ isCanaryPassed: false, cameBack: 0, changedAt: '' },
    ...more,
  };
}

const tally = new Tally();
const returningOn = (plan: PlanRecord, topic: LetterTopic) =>
  returningOf(plan, topic, { admin: {} as Admin, log: { tally: () => tally }, foreignTopics: new Set() });

describe('what a replay watches', () => {
  it('of our own letters is their topic and the parked one, and the group of the service', async () => {
    const topic = replayTopicOf(OWN);
    if (topic === undefined) throw new TypeError(OWN);
    const { watched } = returningOn(planOf(OWN, { parkedFrom: [2] }), topic);
    expect(watched.rejected).toEqual({ [OWN]: [5, 7], [`${OWN}.parked`]: [2] });
    expect([...watched.targets()]).toEqual(['marketplace.orders.raw.v1']);
    expect(await watched.groupsOf('marketplace.orders.raw.v1')).toEqual(['validator-orders']);
  });

  it('of other letters is their topic, the dead letters of raw topics, and every topic that got one', () => {
    const record = { topic: 't', partition: 0, offset: 0, timestamp: 0, key: null, value: null, headers: {} };
    tally.add({ outcome: 'returned', to: { topic: 'invoices', partition: 1 } }, record);
    tally.add({ outcome: 'rejected', to: { topic: 'other', partition: 1 } }, record);
    const plan = planOf(FOREIGN, { rejectedFrom: { [OWN]: [9] } });
    const { watched, onReturned } = returningOn(plan, { kind: 'foreign', topic: FOREIGN });
    expect(watched.rejected).toEqual({ [FOREIGN]: [5, 7], [OWN]: [9] });
    expect([...watched.targets()]).toEqual(['invoices']);
    // Before its receipt was read back.
    onReturned?.('payments');
    expect([...watched.targets()]).toEqual(['invoices', 'payments']);
  });

  it('rejects a letter that names its own topic, also where the console does not follow it', () => {
    const { records } = returningOn(planOf(FOREIGN), { kind: 'foreign', topic: FOREIGN });
    const headers = {
      '__connect.errors.topic': Buffer.from(FOREIGN),
      '__connect.errors.partition': Buffer.from('0'),
      '__connect.errors.offset': Buffer.from('1'),
    };
    const letter = { topic: FOREIGN, partition: 0, offset: 4, timestamp: 0, key: null, value: null, headers };
    expect(records.decide(letter)).toMatchObject({
      kind: 'reject',
      code: 'replay.source_topic',
      reason: `${FOREIGN} is itself a topic of dead letters`,
    });
  });
});
