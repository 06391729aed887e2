import { randomUUID } from 'node:crypto';
import { type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import { type Accounting, emptyAccounting, StateUnreadableError } from '@orderstream/quality';
import type { FaultPoint } from '../src/partitions/fault-points';
import type { RebuildReport } from '../src/rebuild/rebuild-state';
import { header, TestLog, unreadable } from './log';
import { ensureFamily } from './replay/replay';
import { RecordSender, SENT_AS } from './sent-records';
import { ValidatorRuns } from './validator-runs';

/** A family of its own, because other files run in parallel. The records are of customers. */
const FAMILY = `rebuilt-${randomUUID().slice(0, 8)}` as Family;
const RAW = rawTopic(FAMILY);
const GROUP = `validator-${FAMILY}`;
const TEST_MS = 60_000;

const log = new TestLog();
const runs = new ValidatorRuns(log, FAMILY, 'customers');
const sender = new RecordSender(log, FAMILY);
let topics: readonly string[] = [];

beforeAll(async () => {
  await log.start([]);
  topics = await ensureFamily(log.kafka, FAMILY, PARTITIONS);
}, TEST_MS);
afterEach(() => runs.stop(), TEST_MS);
afterAll(async () => {
  for (const topic of topics) await log.deleteTopic(topic);
  await log.stop();
}, TEST_MS);

describe('a state of another offset than the committed one', () => {
  it(
    'fails the opening with an error that no retry resolves, until the committed offset is set back',
    async () => {
      const partition = 4;
      await sender.send(partition);
      const owner = runs.validator(partition);
      await runs.runToEnd(owner, partition);
      const nextOffset = owner.state?.nextOffset ?? 0;
      await owner.close();
      const commit = (offset: number): Promise<void> => log.setCommittedOffset(GROUP, RAW, partition, offset);
      await commit(nextOffset - 1);
      await expect(runs.validator(partition).open()).rejects.toMatchObject({
        code: 'STATE_UNREADABLE',
        retriable: false,
        message: expect.stringContaining(`holds the state of offset ${String(nextOffset)}`) as string,
      });
      await commit(nextOffset);
      const next = runs.validator(partition);
      expect(await next.open()).toBe(nextOffset);
      await next.close();
    },
    TEST_MS,
  );
});

describe('a state that cannot be read', () => {
  it.each<[name: string, key: string, accounts: RebuildReport['accounts'], partition: number]>([
    ['an entry', 'lifecycle/damaged', 'retained', 2],
    ['the accounts', 'counters', 'recounted', 3],
  ])(
    'is rebuilt from the validated log after %s was damaged',
    async (_, key, accounts, partition) => {
      const sent = await sender.send(partition);
      const owner = runs.validator(partition);
      await runs.runToEnd(owner, partition);
      const before: Accounting = owner.state?.accounting ?? emptyAccounting();
      const committedOffset = owner.state?.nextOffset;
      await log.send(unreadable(FAMILY, partition, key));
      await expect(runs.validator(partition).open()).rejects.toThrow(StateUnreadableError);

      const report = await runs.rebuild(partition);
      expect(report).toMatchObject({ family: FAMILY, partition, committedOffset, accounts, ignored: 0 });
      const counts = ({ input, accepted, repaired, skipped, deadLettered }: Accounting): unknown => ({
        input,
        accepted,
        repaired,
        skipped,
        deadLettered,
      });
      expect(counts(report.accounting)).toEqual(counts(before));
      // The command has fenced the owner, which opens again, restores, and skips an event that it accepted before.
      const [again] = (await log.readPartition(RAW, partition)).filter((one) =>
        sent.accepted.includes(header(one, SENT_AS) ?? ''),
      );
      if (again === undefined) throw new Error('nothing was sent');
      await log.send({ ...again, timestamp: Date.now() });
      await owner.close();
      await runs.runToEnd(owner, partition);
      expect(owner.state?.accounting).toMatchObject({ input: before.input + 1, skipped: before.skipped + 1 });
      await owner.close();
      await sender.expectExactlyOnce(partition, sent);
    },
    TEST_MS,
  );

  it(
    'counts, of a batch of the input that cannot be decoded, only the records below the committed offset',
    async () => {
      const partition = 5;
      await sender.send(partition);
      const owner = runs.validator(partition);
      await runs.runToEnd(owner, partition);
      const before: Accounting = owner.state?.accounting ?? emptyAccounting();
      const nextOffset = owner.state?.nextOffset ?? 0;
      await owner.close();
      await log.sendZstd(RAW, partition, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
      await log.setCommittedOffset(GROUP, RAW, partition, nextOffset + 1);
      await log.send(unreadable(FAMILY, partition, 'counters'));
      expect(await runs.rebuild(partition)).toMatchObject({
        accounts: 'recounted',
        accounting: { input: before.input + 1, accepted: before.accepted, passedOver: 1 },
      });
    },
    TEST_MS,
  );

  // From `fenced` on it reads the state of its successor.
  it.each<[point: FaultPoint, partition: number]>([
    ['fenced', 0],
    ['evaluated', 1],
  ])(
    'is rebuilt by the second of two commands alone when the first is killed at "%s" and goes on as a zombie',
    async (point, partition) => {
      const sent = await sender.send(partition);
      await runs.validateRest(partition);
      await log.send(unreadable(FAMILY, partition, 'lifecycle/damaged'));
      const killed = runs.suspendAt(point);
      const zombie = runs.rebuild(partition, killed.faults).catch((error: unknown) => error);
      await killed.suspended;
      // Killed here, it has changed nothing: the state cannot be read yet.
      await expect(runs.validator(partition).open()).rejects.toThrow(StateUnreadableError);
      const { accounting } = await runs.rebuild(partition);
      const more = await sender.send(partition);
      await runs.validateRest(partition);
      const after = await runs.restoreAccounting(partition);
      expect([accounting.input, after.input]).toEqual([sent.total, sent.total + more.total]);

      killed.resume();
      expect(await zombie).toMatchObject({ code: 'TRANSACTION_FAILED' });
      expect(await runs.restoreAccounting(partition)).toEqual(after);
      await sender.expectExactlyOnce(partition, more);
    },
    TEST_MS,
  );
});
