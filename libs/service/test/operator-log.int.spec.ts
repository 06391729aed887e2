import { randomUUID } from 'node:crypto';
import { AUDIT_TOPIC, SETTINGS_TOPIC } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, PartitionTransactions } from '@orderstream/kafka';
import { readCommitted } from '../../../test/support/read-committed';
import { type AuditEntry, KafkaOperatorLog } from '../src';
import { OperatorLogError } from '../src/operator-log/errors';
import { RevisionStaleError } from '../src/settings/revision-error';
import { by, settingsOf, silentLogger } from './settings-of';

const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '';
const connection = { brokers: BROKERS.split(','), clientId: 'operator-log-spec', replication: 1 };
const kafka = createKafka(connection, silentLogger());
const subjectOf = (name: string): string => `test.${name}.${randomUUID().slice(0, 8)}`;

/** The audit entries of a subject. Other tests write what is no entry. */
async function auditOf(subject: string): Promise<readonly AuditEntry[]> {
  const { records } = await readCommitted(kafka, { topic: AUDIT_TOPIC, partition: 0 });
  const own = records.map(({ value }) => String(value)).filter((text) => text.includes(subject));
  return own.map((text) => JSON.parse(text) as AuditEntry).filter((entry) => entry.subject === subject);
}

jest.setTimeout(60_000);

describe('settings in Kafka', () => {
  const logs: KafkaOperatorLog[] = [];
  async function instance(timeoutMs?: number) {
    const log = new KafkaOperatorLog(connection, silentLogger());
    logs.push(log);
    const settings = settingsOf(log, timeoutMs);
    await settings.start();
    return settings;
  }
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.stop()));
  });

  it('stores a change with its audit entry, and every instance follows it', async () => {
    const subject = subjectOf('followed');
    const [a, b] = await Promise.all([instance(), instance()]);
    const first = await a.change({ subject, value: { action: 'flag' }, expected: 0, audit: by('ann') });
    expect(a.get(subject)).toEqual(first);
    await waitUntil(() => b.revisionOf(subject) === first.revision, { what: 'the other instance', deadlineMs: 10_000 });
    const second = await b.change({ subject, value: null, expected: first.revision, audit: by('bob') });
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(await auditOf(subject)).toMatchObject([
      { actor: 'ann', before: null, after: { action: 'flag' }, status: 200, service: 'probe' },
      { actor: 'bob', before: { action: 'flag' }, after: null, status: 200, service: 'probe' },
    ]);
  });

  it('knows every setting that was stored before it started', async () => {
    const subject = subjectOf('known');
    const { revision } = await (await instance()).change({ subject, value: 1, expected: undefined, audit: by('ann') });
    expect((await instance()).get(subject)).toMatchObject({ value: 1, revision, changedBy: 'ann' });
  });

  it('lets one of several instances win that change the same revision at once', async () => {
    const subject = subjectOf('raced');
    const instances = await Promise.all([instance(20_000), instance(20_000), instance(20_000)]);
    for (let round = 0; round < 4; round++) {
      const expected = Math.max(...instances.map((one) => one.revisionOf(subject)));
      const outcomes = await Promise.allSettled(
        instances.map((one, i) =>
          one.change({ subject, value: [round, i], expected, audit: by(`operator-${String(i)}`) }),
        ),
      );
      const won = outcomes.filter(({ status }) => status === 'fulfilled');
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown);
      expect([won.length, lost.map((error) => error instanceof RevisionStaleError)]).toEqual([1, [true, true]]);
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
      await waitUntil(() => instances.every((one) => one.revisionOf(subject) > expected), {
        what: 'all instances to follow',
        deadlineMs: 10_000,
      });
      for (const one of instances) expect(one.get(subject)?.value).toEqual([round, winner]);
    }
    const stored = await readCommitted(kafka, { topic: SETTINGS_TOPIC, partition: 0 });
    expect(stored.records.filter(({ key }) => key?.toString() === subject)).toHaveLength(4);
    expect(await auditOf(subject)).toHaveLength(4);
  });

  it('writes nothing when the deadline has passed before the commit', async () => {
    const subject = subjectOf('late');
    const one = await instance(1);
    const change = one.change({ subject, value: 1, expected: 0, audit: by('ann') });
    await expect(change).rejects.toThrow(OperatorLogError);
    // Opening the writer waits for, or ends, whatever an earlier one has begun.
    const options = { groupId: 'settings', topic: SETTINGS_TOPIC, partition: 0, transactionTimeoutMs: 5_000 };
    await (await PartitionTransactions.open(kafka, options)).close();
    const { records } = await readCommitted(kafka, { topic: SETTINGS_TOPIC, partition: 0 });
    expect(records.filter(({ key }) => key?.toString() === subject)).toEqual([]);
    expect(await auditOf(subject)).toEqual([]);
  });
});
