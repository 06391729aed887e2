import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deadLetterTopic, rawTopic, TOPICS } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, ensureTopics, RecordProducer } from '@orderstream/kafka';
import { OPERATOR, TOKENS, VIEWER } from '../../test/support/fake-process';
import { repositoryRoot } from '../src/ctl/target';
import { CtlRunner } from './fake-terminal';

jest.setTimeout(120_000);

const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '';
const SOURCE = rawTopic('orders');
const TOPIC = deadLetterTopic(SOURCE, 'validator');
const LETTERS = 2_500;
/** Letters of other specs are in the same topic. */
const REASON = `ctl.${randomUUID().slice(0, 8)}`;
const FAILED_AT = new Date();

/** The console as a process of its own, and the url at which it listens. */
async function startConsole(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const main = join(repositoryRoot(), 'dist', 'apps', 'console', 'src', 'main.js');
  const child = spawn(process.execPath, [main], {
    env: {
      ...process.env,
      KAFKA_BROKERS: BROKERS,
      HTTP_PORT: '0',
      ADMIN_TOKENS: TOKENS,
      CONSOLE_REFRESH_MS: '100',
      SERVICE_URLS: '{"validator": "http://127.0.0.1:9"}',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line) as { readonly msg?: string; readonly url?: string };
    if (msg !== 'listening' || url === undefined) continue;
    child.stdout.resume();
    return { child, url };
  }
  throw new Error('the console ended before it listened');
}

const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'ctl-spec' });

describe('ctl with a running console', () => {
  let child: ChildProcess;
  let ctl: CtlRunner;

  beforeAll(async () => {
    await ensureTopics(kafka, TOPICS, { replication: 1 });
    const started = await startConsole();
    child = started.child;
    ctl = new CtlRunner(started.url);
    ctl.writeStack({ console: { url: started.url }, services: {}, tokens: { viewer: VIEWER, operator: OPERATOR } });
    const producer = new RecordProducer(kafka, { maxRequestBytes: 4_000_000 });
    await producer.connect();
    await producer.send(
      Array.from({ length: LETTERS }, (_, at) =>
        buildDeadLetter(
          {
            ...{ topic: SOURCE, partition: at % 6, offset: at, timestamp: FAILED_AT.getTime() },
            key: Buffer.from(`key-${at}`),
            value: Buffer.from(JSON.stringify({ vendor_name: 'Ada Becker', item_quantity: at })),
            headers: { ce_id: randomUUID(), ce_type: 'order.placed' },
          },
          { app: 'validator', reasons: [{ code: REASON, path: 'item_quantity' }], failedAt: FAILED_AT },
        ),
      ),
    );
    await producer.disconnect();
    await waitUntil(
      async () => {
        const { out } = await ctl.run(['dead-letters', 'groups', '--reason', REASON, '--json']);
        return (JSON.parse(out) as { groups?: { count: number }[] }).groups?.[0]?.count === LETTERS;
      },
      { what: 'all letters in the index of the console', deadlineMs: 60_000, intervalMs: 500 },
    );
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    ctl.remove();
  });

  it('lists every dead letter once over several pages, and shows one', async () => {
    const list = ['dead-letters', 'list', '--topic', TOPIC, '--reason', REASON, '--json'];
    const { exitCode, out } = await ctl.run([...list, '--limit', String(2 * LETTERS)]);
    expect(exitCode).toBe(0);
    const { letters, next } = JSON.parse(out) as { letters: { id: string; key: string }[]; next?: string };
    expect(new Set(letters.map(({ key }) => key)).size).toBe(LETTERS);
    expect(letters).toHaveLength(LETTERS);
    expect(next).toBeUndefined();
    const shown = await ctl.run(['dead-letters', 'show', letters[0]?.id ?? '']);
    expect(shown.out).toContain('"vendor_name": "Ada Becker"');
  });

  it('shows the groups, and a viewer no personal fields', async () => {
    const groups = await ctl.run(['dead-letters', 'groups', '--reason', REASON]);
    expect(groups.out).toMatch(new RegExp(`^[\\da-f]{16} +2,500 +validator +${REASON} +item_quantity`, 'm'));
    const list = ['dead-letters', 'list', '--reason', REASON, '--field', 'item_quantity=7', '--json'];
    const { letters } = JSON.parse((await ctl.run(list)).out) as { letters: { id: string; key: string }[] };
    expect(letters.map(({ key }) => key)).toEqual(['key-7']);
    const viewer = { env: { ORDERSTREAM_TOKEN: VIEWER } };
    const shown = await ctl.run(['dead-letters', 'show', letters[0]?.id ?? ''], viewer);
    expect(shown.out).toContain('"vendor_name": "(masked)"');
  });

  it('prints what the console rejects: a cursor of another list, a letter and a plan that do not exist', async () => {
    const list = ['dead-letters', 'list', '--reason', REASON];
    const { err } = await ctl.run([...list, '--limit', '10']);
    const cursor = /--cursor (\S+)/.exec(err)?.[1] ?? '';
    const stale = await ctl.run([...list, '--oldest', '--cursor', cursor]);
    expect(stale.err).toContain('cursor');
    expect(stale.exitCode).toBe(1);
    for (const args of [
      ['dead-letters', 'show', `${TOPIC}/0/999999999`],
      ['replay', 'status', 'no-such-plan'],
    ]) {
      const { exitCode, err: problem } = await ctl.run(args);
      expect(problem).toContain('What to do: ');
      expect(exitCode).toBe(1);
    }
  });

  it('creates one plan with one key, previews it, replays every letter, and reads the receipts', async () => {
    const create = [
      'replay',
      'create',
      '--topic',
      TOPIC,
      '--reason',
      REASON,
      '--rate',
      '5000',
      '--stop-above',
      '1',
      '--json',
    ];
    const key = ['--idempotency-key', randomUUID()];
    const first = await waitUntil(
      async () => {
        const { exitCode, out } = await ctl.run([...create, ...key]);
        return exitCode === 0 && out;
      },
      { what: 'the plans of the console to open', deadlineMs: 60_000, intervalMs: 500 },
    );
    const { id } = JSON.parse(first) as { id: string };
    const second = await ctl.run([...create, ...key]);
    expect(JSON.parse(second.out)).toMatchObject({ id });

    const early = await ctl.run(['replay', 'start', id, '--yes']);
    expect(early.exitCode).toBe(1);
    const preview = await ctl.run(['replay', 'preview', id, '--json', '--deadline', '60s']);
    expect(JSON.parse(preview.out)).toMatchObject({ state: 'ready', preview: { letters: LETTERS } });
    expect((await ctl.run(['replay', 'start', id, '--yes'])).exitCode).toBe(0);
    await waitUntil(
      async () => {
        const { out } = await ctl.run(['replay', 'status', id, '--json']);
        return (JSON.parse(out) as { progress: { returned: number } }).progress.returned === LETTERS;
      },
      { what: 'every letter to be returned', deadlineMs: 60_000, intervalMs: 500 },
    );
    const receipts = await ctl.run(['replay', 'receipts', id, '--limit', String(2 * LETTERS), '--json']);
    const { receipts: all } = JSON.parse(receipts.out) as { receipts: { letter: string; outcome: string }[] };
    expect(new Set(all.map(({ letter }) => letter)).size).toBe(LETTERS);
    expect(all.every(({ outcome }) => outcome === 'returned')).toBe(true);

    // Without a validator nobody sees whether they come back: the plan does not finish by itself.
    await ctl.run(['replay', 'cancel', id]);
    const watched = await ctl.run(['replay', 'watch', id, '--json']);
    expect(JSON.parse(watched.out)).toMatchObject({ id, state: 'cancelled' });
    expect(watched.exitCode).toBe(1);
  });

  it('shows a service that does not answer, the audit, and the plans', async () => {
    const { out } = await ctl.run(['overview']);
    expect(out).toMatch(/^validator +unreachable /m);
    for (const args of [['audit'], ['replay', 'list']]) expect((await ctl.run(args)).exitCode).toBe(0);
  });
});
