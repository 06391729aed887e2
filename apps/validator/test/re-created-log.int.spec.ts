import { randomUUID } from 'node:crypto';
import { deadLetterTopic, type Family, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { type Accounting, emptyAccounting } from '@orderstream/quality';
import type { PositionTarget, SetPositionReport } from '../src/positions/set-position';
import type { FaultPoint, FaultPoints } from '../src/partitions/fault-points';
import type { PartitionValidator } from '../src/partitions/partition-validator';
import { type Body, customerIn, rawRecord, sessionStarted } from './events';
import { header, TestLog, unreadable } from './log';
import { ensureFamily } from './replay/replay';
import { ValidatorRuns } from './validator-runs';

/** A family of its own: its topic is deleted. The records are interactions. */
const FAMILY = `recreated-${randomUUID().slice(0, 8)}` as Family;
const RAW = rawTopic(FAMILY);
const VALIDATED = validatedTopic(FAMILY);
const GROUP = `validator-${FAMILY}`;
const PARTITION = 3;
const TEST_MS = 90_000;

const log = new TestLog();
const runs = new ValidatorRuns(log, FAMILY, 'interactions');
let topics: readonly string[] = [];

beforeAll(async () => {
  await log.start([]);
  topics = await ensureFamily(log.kafka, FAMILY, 6);
}, TEST_MS);
afterEach(() => runs.stop(), TEST_MS);
afterAll(async () => {
  for (const topic of topics) await log.deleteTopic(topic);
  await log.stop();
}, TEST_MS);

const validator = (): PartitionValidator => runs.validator(PARTITION);

async function send(count: number): Promise<Body[]> {
  const bodies = Array.from({ length: count }, () => sessionStarted(customerIn(PARTITION)));
  await log.send(...bodies.map((body) => rawRecord(body, { topic: RAW })));
  return bodies;
}

/** Evaluates what is left. Returns the accounts after it. */
async function validateRest(): Promise<ReturnType<typeof emptyAccounting>> {
  const owner = validator();
  await runs.runToEnd(owner, PARTITION);
  const accounting = owner.state?.accounting ?? emptyAccounting();
  await owner.close();
  return accounting;
}

/** Up to when the committed state lacks records, and how far back its memory of events is complete. */
async function missed(): Promise<{ untilMs: number | undefined; eventsMs: number | undefined }> {
  const owner = validator();
  await owner.open();
  const { state } = owner;
  const found = { untilMs: state?.missedUntilMs, eventsMs: state?.effectiveWindows().eventsMs };
  await owner.close();
  return found;
}

const idsOf = (bodies: readonly Body[]): unknown[] => bodies.map(({ event_id }) => event_id);
const validatedIds = async (): Promise<unknown[]> =>
  (await log.readPartition(VALIDATED, PARTITION)).map((record) => header(record, 'ce_id'));

const move = (target: PositionTarget, faults?: FaultPoints): Promise<SetPositionReport> =>
  runs.setPosition(PARTITION, target, faults);

/** What the accounts hold of the input. */
const sumOf = ({ accepted, repaired, skipped, deadLettered, passedOver }: Accounting): number =>
  accepted + repaired + skipped + deadLettered + passedOver;

it(
  'a partition whose log was re-created stops whatever its length, until set-position starts it: no record is left out',
  async () => {
    const old = await send(20);
    expect((await validateRest()).accepted).toBe(20);
    await log.deleteTopic(RAW);
    await ensureFamily(log.kafka, FAMILY, 6);

    const shorter = await send(10);
    await expect(validator().open()).rejects.toMatchObject({
      code: 'LOG_MISMATCH',
      retriable: false,
      message: expect.stringMatching(
        new RegExp(
          `${RAW}/3: the topic has the id \\S+, and not \\S+.*npm run set-position -- validator --family ${FAMILY} --partition 3 --to beginning`,
          's',
        ),
      ) as string,
    });
    const longer = await send(40);
    for (const attempt of ['after a restart', 'after a resume']) {
      const opening = validator()
        .open()
        .then(() => `opened ${attempt}`);
      await expect(opening).rejects.toMatchObject({
        code: 'LOG_MISMATCH',
        message: expect.stringContaining(`${RAW}/3: the topic has the id `) as string,
      });
    }
    expect(await log.committedOffset(GROUP, RAW, PARTITION)).toBeUndefined();
    expect(await validatedIds()).toEqual(idsOf(old));

    const report = await move('beginning');
    expect(report).toMatchObject({
      before: null,
      position: 0,
      passedOver: 0,
      state: 'adapted',
      log: { start: 0, end: 50 },
    });
    expect(report.otherLog).toMatch(/the topic has the id \S+, and not/);
    // The old log may have had a tail that nobody has seen: no memory is complete before the new one begins.
    const firstMs = (await log.readPartition(RAW, PARTITION))[0]?.timestamp;
    expect(await missed()).toEqual({ untilMs: firstMs, eventsMs: 0 });
    expect(await validateRest()).toMatchObject({ input: 70, accepted: 70, passedOver: 0 });
    expect(await validatedIds()).toEqual(idsOf([...old, ...shorter, ...longer]));
  },
  TEST_MS,
);

it(
  'set-position leaves records out only into the accounts, and evaluates none twice',
  async () => {
    await validateRest();
    const before = await validateRest();
    const known = await validatedIds();
    const owner = validator();
    const from = (await owner.open()) ?? 0;
    await send(7);
    const { end } = (await move(from + 3)).log;
    expect(end).toBe(from + 7);
    // The owner was fenced: its next commit fails, and it opens where the command has moved the offset to.
    await runs.runToEnd(owner, PARTITION);
    expect(owner.state?.accounting).toMatchObject({
      input: before.input + 7,
      accepted: before.accepted + 4,
      passedOver: before.passedOver + 3,
    });
    await owner.close();
    await send(5);
    expect(await move('end')).toMatchObject({ passedOver: 5, otherLog: null });
    const after = await validateRest();
    expect(after).toMatchObject({ input: before.input + 12, passedOver: before.passedOver + 8 });
    expect(after.accepted + after.repaired + after.deadLettered + after.skipped + after.passedOver).toBe(after.input);
    expect((await validatedIds()).length).toBe(known.length + 4);

    await expect(move('beginning')).rejects.toMatchObject({ code: 'POSITION_REJECTED' });
    await expect(move(10_000)).rejects.toMatchObject({ code: 'POSITION_REJECTED' });
    expect(await log.committedOffset(GROUP, RAW, PARTITION)).toBe(from + 12);
    // The last evaluated record is still recognized.
    const last = await send(1);
    expect((await validateRest()).accepted).toBe(after.accepted + 1);
    expect((await validatedIds()).slice(-1)).toEqual(idsOf(last));
  },
  TEST_MS,
);

it(
  'a partition whose next records were removed by retention stops, and set-position counts them',
  async () => {
    const before = await validateRest();
    await send(6);
    await log.expire(RAW);
    const rest = await send(2);
    await expect(validator().open()).rejects.toMatchObject({
      code: 'LOG_MISMATCH',
      message: expect.stringMatching(/the log begins at \d+, after the next offset \d+/) as string,
    });
    expect(await move('beginning')).toMatchObject({ passedOver: 6, otherLog: null });
    const firstMs = (await log.readPartition(RAW, PARTITION))[0]?.timestamp;
    expect(await missed()).toEqual({ untilMs: firstMs, eventsMs: 0 });
    expect(await validateRest()).toMatchObject({
      input: before.input + 8,
      accepted: before.accepted + 2,
      passedOver: before.passedOver + 6,
    });
    expect((await validatedIds()).slice(-2)).toEqual(idsOf(rest));
  },
  TEST_MS,
);

it(
  'a batch that cannot be decoded is skipped as one dead letter, its records in the accounts',
  async () => {
    const before = await validateRest();
    await send(3);
    await log.sendZstd(RAW, PARTITION, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
    // The records before the batch can be read.
    await expect(move('next-batch')).rejects.toMatchObject({
      code: 'POSITION_REJECTED',
      message: expect.stringContaining('can be read') as string,
    });
    await move(((await log.committedOffset(GROUP, RAW, PARTITION)) ?? 0) + 3);
    await send(2);
    const position = (await log.committedOffset(GROUP, RAW, PARTITION)) ?? 0;
    expect(await move('next-batch')).toMatchObject({
      before: position,
      position: position + 2,
      passedOver: 2,
      deadLetteredBatch: { firstOffset: position, lastOffset: position + 1 },
    });
    const after = await validateRest();
    expect(after).toMatchObject({
      input: before.input + 7,
      accepted: before.accepted + 2,
      passedOver: before.passedOver + 5,
      deadLettered: before.deadLettered,
    });
    const letters = (await log.readPartition(deadLetterTopic(RAW, 'validator'), PARTITION)).map(parseDeadLetter);
    expect(letters.slice(-1)).toMatchObject([
      {
        reason: 'structure.unreadable_batch',
        source: { topic: RAW, partition: PARTITION, offset: position },
        batch: { firstOffset: position, lastOffset: position + 1, records: 2 },
        needsEdit: true,
      },
    ]);
    // Other targets lead past such a batch as well.
    await log.sendZstd(RAW, PARTITION, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
    expect(await move('end')).toMatchObject({ passedOver: 2, deadLetteredBatch: null });
  },
  TEST_MS,
);

it(
  'a state is rebuilt from a validated log with a batch that cannot be decoded, whose records it forgets',
  async () => {
    await send(2);
    await validateRest();
    const damagedAt = Date.now();
    await log.sendZstd(VALIDATED, PARTITION, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
    await send(2);
    const before = await validateRest();
    const report = await runs.rebuild(PARTITION);
    expect(report).toMatchObject({ unreadable: 2, accounts: 'retained', accounting: before });
    // The memory of events is whole from the batch on, and not before.
    expect(report.effectiveWindows.eventsMs).toBeLessThanOrEqual(Date.now() - damagedAt);
    await send(1);
    expect(await validateRest()).toMatchObject({ input: before.input + 1, accepted: before.accepted + 1 });
  },
  TEST_MS,
);

// From `fenced` on it reads the state of its successor, behind the batch.
it.each<[FaultPoint, string]>([
  ['fenced', 'POSITION_REJECTED'],
  ['evaluated', 'TRANSACTION_FAILED'],
])(
  'set-position that is killed at "%s" leaves nothing half done, and changes nothing when it goes on as a zombie',
  async (point, code) => {
    const before = await validateRest();
    const position = await log.committedOffset(GROUP, RAW, PARTITION);
    const letters = (): Promise<number> =>
      log.readPartition(deadLetterTopic(RAW, 'validator'), PARTITION).then(({ length }) => length);
    const lettersBefore = await letters();
    await log.sendZstd(RAW, PARTITION, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
    const killed = runs.suspendAt(point);
    const zombie = move('next-batch', killed.faults).catch((error: unknown) => error);
    await killed.suspended;

    // The next owner finds the offset and the accounts of before.
    const owner = validator();
    expect(await owner.open()).toBe(position);
    expect(owner.state?.accounting).toEqual(before);
    await owner.close();
    expect(await letters()).toBe(lettersBefore);
    expect(await move('next-batch')).toMatchObject({ before: position, passedOver: 2 });
    // The commit is answered before its marker is written. A zombie that meets it in between is fenced.
    await waitUntil(async () => (await log.committedOffset(GROUP, RAW, PARTITION)) !== position, {
      what: 'the offset of the successor',
      deadlineMs: 30_000,
    });
    killed.resume();
    expect(await zombie).toMatchObject({ code });
    expect(await letters()).toBe(lettersBefore + 1);
    expect(await validateRest()).toEqual({
      ...before,
      input: before.input + 2,
      passedOver: before.passedOver + 2,
    });
  },
  TEST_MS,
);

/** set-position names the command that must come first, and moves nothing. */
async function expectRebuildFirst(
  targets: readonly Parameters<typeof move>[0][],
  position: number | undefined,
): Promise<void> {
  for (const target of targets) {
    await expect(move(target)).rejects.toMatchObject({
      code: 'POSITION_REJECTED',
      message: expect.stringContaining(
        `\`npm run rebuild-state -- --family ${FAMILY} --partition ${String(PARTITION)}\``,
      ) as string,
    });
  }
  expect(await log.committedOffset(GROUP, RAW, PARTITION)).toBe(position);
}

it(
  'a state that cannot be read is rebuilt before set-position leaves records out, and its accounts lack none',
  async () => {
    const before = await validateRest();
    await send(4);
    await log.send(unreadable(FAMILY, PARTITION, 'lifecycle/damaged'));
    const position = await log.committedOffset(GROUP, RAW, PARTITION);
    await expectRebuildFirst(['end', 'beginning'], position);
    expect(await runs.rebuild(PARTITION)).toMatchObject({ otherLog: null, accounting: before });
    expect(await move('end')).toMatchObject({ passedOver: 4, state: 'adapted' });
    const after = await validateRest();
    expect([after.input, sumOf(after)]).toEqual([before.input + 4, before.input + 4]);
  },
  TEST_MS,
);

it(
  'a state that cannot be read, of a log that was re-created, is rebuilt first, and set-position starts the new log',
  async () => {
    const before = await validateRest();
    await log.send(unreadable(FAMILY, PARTITION, 'lifecycle/damaged'));
    await log.deleteTopic(RAW);
    await ensureFamily(log.kafka, FAMILY, 6);
    await send(3);
    await expect(move('beginning')).rejects.toMatchObject({ code: 'POSITION_REJECTED' });
    expect((await runs.rebuild(PARTITION)).otherLog).toMatch(/the topic has the id \S+, and not/);
    // The rebuilt state does not hide that its offset is of another log.
    await expect(validator().open()).rejects.toMatchObject({ code: 'LOG_MISMATCH' });
    expect(await move('beginning')).toMatchObject({ position: 0, passedOver: 0, state: 'adapted' });
    const after = await validateRest();
    expect([after.input, sumOf(after), after.accepted]).toEqual([
      before.input + 3,
      before.input + 3,
      before.accepted + 3,
    ]);
  },
  TEST_MS,
);

it(
  'a state that is lost is rebuilt before set-position moves its offset: what was accepted stays known',
  async () => {
    const known = await send(2);
    await validateRest();
    const position = (await log.committedOffset(GROUP, RAW, PARTITION)) ?? 0;
    await log.deleteTopic(stateTopic(FAMILY));
    await ensureFamily(log.kafka, FAMILY, 6);
    await expect(validator().open()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' });
    await expectRebuildFirst([position, 'end'], position);
    const { accounts, accounting } = await runs.rebuild(PARTITION);
    expect(accounts).toBe('recounted');
    expect(await move(position)).toMatchObject({ position, passedOver: 0, state: 'adapted' });
    await log.send(...known.map((body) => rawRecord(body, { topic: RAW })));
    expect(await validateRest()).toEqual({
      ...accounting,
      input: accounting.input + 2,
      skipped: accounting.skipped + 2,
      rules: { ...accounting.rules, 'duplicate.event': (accounting.rules['duplicate.event'] ?? 0) + 2 },
    });
  },
  TEST_MS,
);

it(
  'set-position moves the offset of a partition of which nothing was ever committed',
  async () => {
    const partition = 5;
    await log.send(rawRecord(sessionStarted(customerIn(partition)), { topic: RAW }));
    expect(await runs.setPosition(partition, 'end')).toMatchObject({
      before: null,
      position: 1,
      passedOver: 1,
      state: 'adapted',
    });
    expect(await log.committedOffset(GROUP, RAW, partition)).toBe(1);
  },
  TEST_MS,
);
