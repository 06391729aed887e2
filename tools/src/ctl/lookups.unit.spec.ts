import { FakeAdminApi, sendJson } from '../../test/fake-admin-api';
import { CtlRunner, TOKEN } from '../../test/fake-terminal';
import { DRAFT, FINISHED, INDEX, LETTER, READY, TOPIC } from '../../test/replay-samples';

/** What a terminal may act on: control characters, and those that reorder or hide text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('ctl, looking', () => {
  let api: FakeAdminApi;
  let ctl: CtlRunner;

  beforeEach(async () => {
    api = await FakeAdminApi.start();
    ctl = new CtlRunner(api.url);
  });
  afterEach(async () => {
    await api.stop();
    ctl.remove();
  });

  const SERVICES = [
    {
      name: 'validator',
      url: 'http://127.0.0.1:3002',
      state: 'ready',
      figures: {
        lagRecords: 1_234,
        lagSeconds: 0.4,
        recordsPerSecond: { accepted: 49, repaired: 0.87 },
        freshnessP95Seconds: 1.5,
      },
    },
    { name: 'pubsub-bridge', url: 'http://127.0.0.1:3004', state: 'not-ready', checks: { consumer: 'paused' } },
    { name: 'bq-sink', url: 'http://127.0.0.1:3003', state: 'unreachable', error: 'connect ECONNREFUSED' },
  ];

  it('shows every service in a table, and asks with the token of the local stack', async () => {
    api.json('GET /admin/overview', { services: SERVICES });
    const { exitCode, out, err } = await ctl.run(['overview']);
    expect(out).toBe(
      [
        'SERVICE        STATE          LAG  LAG S  RECORDS/S  FRESHNESS P95 S  PROBLEM',
        'validator      ready        1,234    0.4       49.9              1.5',
        'pubsub-bridge  not-ready                                              consumer (paused)',
        'bq-sink        unreachable                                            connect ECONNREFUSED',
        '',
      ].join('\n'),
    );
    expect(err).toBe('');
    expect(exitCode).toBe(0);
    expect(api.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it('counts the partitions that wait, with the error of the first one', async () => {
    const topic = 'marketplace.orders.raw.v1';
    const waiting = [
      { topic, partition: 0, state: 'paused' },
      { topic, partition: 1, state: 'stopped', error: `${topic}/1: 9 of the last 10 records were rejected.` },
      { topic, partition: 2, state: 'stopped', error: `${topic}/2: 8 of the last 10 records were rejected.` },
    ];
    const checks = { pause: 'paused by ann', orders: { group: 'joined', waiting, unread: [] }, other: { a: 1 } };
    api.json('GET /admin/overview', { services: [{ name: 'validator', state: 'not-ready', checks }] });
    const { out } = await ctl.run(['overview']);
    expect(out.split('\n')[1]?.replace(/ {2,}/g, '  ')).toBe(
      `validator  not-ready  pause (paused by ann), orders (1 paused, 2 stopped: ${topic}/1: 9 of the last 10 records were rejected.), other ({"a":1})`,
    );
  });

  it('prints the answer as one JSON document with --json, wherever it stands', async () => {
    api.json('GET /admin/overview', { services: SERVICES, more: 'of a newer server' });
    for (const args of [
      ['overview', '--json'],
      ['--json', 'overview'],
    ]) {
      const { out } = await ctl.run(args, { tty: 40 });
      expect(out.endsWith('}\n')).toBe(true);
      expect(JSON.parse(out)).toEqual({ services: SERVICES, more: 'of a newer server' });
    }
  });

  it('colours states on a terminal only, and not with NO_COLOR', async () => {
    api.json('GET /admin/overview', { services: SERVICES });
    expect((await ctl.run(['overview'], { tty: 100 })).out).toContain('\u001b[31munreachable\u001b[0m');
    expect((await ctl.run(['overview'])).out).not.toContain('\u001b');
    expect((await ctl.run(['overview'], { tty: 100, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
  });

  it('lists dead letters by a filter, with times as how long ago', async () => {
    api.json('GET /admin/dead-letters', { letters: [LETTER], index: INDEX });
    const filter = [
      '--reason',
      'reference.unknown_vendor',
      '--from',
      '2h',
      '--field',
      'vendor_id=a=b',
      '--field',
      'x=1',
    ];
    const { exitCode, out } = await ctl.run(['dead-letters', 'list', '--topic', TOPIC, '--oldest', ...filter]);
    expect(exitCode).toBe(0);
    expect(out).toBe(
      [
        `FAILED AT                 APP        REASON                    PATH       EVENT TYPE    KEY         TRY  ID`,
        `2026-11-26T11:00:00.000Z  validator  reference.unknown_vendor  vendor_id  order.placed  customer-1    1  ${LETTER.id}`,
        '',
      ].join('\n'),
    );
    const query = new URL(api.requests[0]?.url ?? '', api.url).searchParams;
    expect(Object.fromEntries(query)).toEqual({
      topic: TOPIC,
      reason: 'reference.unknown_vendor',
      from: '2026-11-26T10:00:00.000Z',
      field: 'x=1',
      order: 'oldest',
      limit: '20',
    });
    expect(query.getAll('field')).toEqual(['vendor_id=a=b', 'x=1']);
  });

  it('reads as many pages as the limit needs, and says where the list goes on', async () => {
    const page = (first: number, count: number) =>
      Array.from({ length: count }, (_, at) => ({ ...LETTER, id: `${TOPIC}/0/${first + at}`, offset: first + at }));
    api.on('GET /admin/dead-letters', ({ url }, response) => {
      const query = new URL(url, api.url).searchParams;
      const from = Number(query.get('cursor') ?? 0);
      const limit = Number(query.get('limit'));
      sendJson(response, 200, {
        letters: page(from, limit),
        next: String(from + limit),
        index: { ...INDEX, upToDate: false, forgotten: 2 },
      });
    });
    const { out, err } = await ctl.run(['dead-letters', 'list', '--limit', '2500', '--json']);
    const { letters, next } = JSON.parse(out) as { letters: { offset: number }[]; next: string };
    expect(letters.map(({ offset }) => offset)).toEqual(Array.from({ length: 2_500 }, (_, at) => at));
    expect(next).toBe('2500');
    expect(api.lines.map((line) => new URL(line.slice(4), api.url).searchParams.get('limit'))).toEqual([
      '1000',
      '1000',
      '500',
    ]);
    expect(err).toBe(
      [
        'The console is still reading the dead-letter topics: there may be more.',
        'The 2 oldest dead letters are not in the index of the console.',
        'There are more: repeat the command with --cursor 2500',
        '',
      ].join('\n'),
    );
  });

  it('shows groups with the trend of the last day', async () => {
    const hourly = [...Array<number>(22).fill(0), 10, 80];
    const group = {
      fingerprint: LETTER.fingerprint,
      app: 'validator',
      reason: LETTER.reason,
      path: 'vendor_id',
      count: 5_000,
    };
    const times = { firstFailedAt: '2026-11-26T10:00:00Z', lastFailedAt: '2026-11-26T11:00:00Z' };
    api.json('GET /admin/dead-letters/groups', {
      groups: [{ ...group, ...times, hourly, samples: [LETTER.id] }],
      index: INDEX,
    });
    const { out } = await ctl.run(['dead-letters', 'groups']);
    expect(out).toBe(
      [
        'FINGERPRINT       COUNT  APP        REASON                    PATH       FIRST                 LAST                  LAST 24 H',
        `0123456789abcdef  5,000  validator  reference.unknown_vendor  vendor_id  2026-11-26T10:00:00Z  2026-11-26T11:00:00Z  ${'·'.repeat(22)}▁█`,
        '',
      ].join('\n'),
    );
  });

  it('fits a table to the terminal by cutting its flexible columns', async () => {
    api.json('GET /admin/dead-letters', { letters: [{ ...LETTER, key: '日本'.repeat(30) }], index: INDEX });
    const { out } = await ctl.run(['dead-letters', 'list'], { tty: 150, env: { NO_COLOR: '1' } });
    const [, line = ''] = out.split('\n');
    expect(line).toContain('日本…');
    expect(line).toContain(LETTER.id);
    // Each of these characters takes two columns.
    expect(line.length + (line.match(/[日本]/g) ?? []).length).toBeLessThanOrEqual(150);
  });

  it('shows one dead letter with headers and body, and makes control characters of a record harmless', async () => {
    const hostile = '\u001b[2J\u001b]0;owned\u0007\r\n\u202e';
    const body = { event_id: hostile, item_price: '-9.99' };
    const headers = [
      { name: 'ce_id', value: hostile },
      { name: 'raw', base64: '/w==' },
      { name: 'none', value: null },
    ];
    api.json(`GET /admin/dead-letters/${LETTER.id}`, { ...LETTER, key: hostile, headers, body });
    const { out } = await ctl.run(['dead-letters', 'show', LETTER.id]);
    expect(out.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(out).toBe(
      [
        `id               ${LETTER.id}`,
        'app              validator',
        'reason           reference.unknown_vendor',
        'fingerprint      0123456789abcdef',
        'event type       order.placed',
        'event id         event-1',
        'key              \\u001b[2J\\u001b]0;owned\\u0007\\r\\n\\u202e',
        'attempt          1',
        'failed at        2026-11-26T11:00:00.000Z',
        'first failed at  2026-11-26T11:00:00.000Z',
        'source           marketplace.orders.raw.v1/3/99',
        'appended at      2026-11-26T10:59:59.000Z',
        '',
        'problems',
        '  reference.unknown_vendor  vendor_id  in the catalog',
        '',
        'headers',
        '  ce_id: \\u001b[2J\\u001b]0;owned\\u0007\\r\\n\\u202e',
        '  raw: (base64) /w==',
        '  none: (null)',
        '',
        'body',
        '{',
        '  "event_id": "\\u001b[2J\\u001b]0;owned\\u0007\\r\\n\\u202e",',
        '  "item_price": "-9.99"',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('shows a plan, lists plans and receipts', async () => {
    api.json('GET /admin/replays/plan-1', READY);
    expect((await ctl.run(['replay', 'status', 'plan-1'])).out).toBe(
      [
        'plan      plan-1',
        'state     ready',
        `topic     ${TOPIC}`,
        'filter    reason=reference.unknown_vendor',
        'created   2026-11-26T11:58:00.000Z by ann',
        'progress  0 of 5,120',
        '',
        'previewed   2026-11-26T11:59:00.000Z',
        'rules       5f3a9c1b2d4e, settings revision 12',
        'letters     5,000',
        'followers   120',
        'total       5,120',
        'would pass  5,100 of 5,120',
        'would fail  duplicate.order 20',
        `sample      ${LETTER.id}`,
        'warning     Live records may overtake the replayed ones.',
        '',
      ].join('\n'),
    );
    const sources = [
      { topic: 'invoices', letters: 5_000 },
      { topic: '', letters: 120, problem: 'the headers name none' },
    ];
    api.json('GET /admin/replays/plan-1', { ...READY, preview: { ...READY.preview, sources } });
    expect((await ctl.run(['replay', 'status', 'plan-1'])).out).toContain(
      'returns to  invoices 5,000\nreturns to  (unknown) 120 (none: the headers name none)\n',
    );
    api.json('GET /admin/replays', { plans: [FINISHED, { ...DRAFT, id: 'plan-2', note: 'a try' }] });
    expect((await ctl.run(['replay', 'list'])).out).toBe(
      [
        'PLAN    STATE     TOPIC                                           DONE  RECEIPTS                   CREATED                   BY   NOTE',
        `plan-1  finished  ${TOPIC}  5,120/5,120  returned 5,110, parked 10  2026-11-26T11:58:00.000Z  ann`,
        `plan-2  draft     ${TOPIC}          0/0                             2026-11-26T11:58:00.000Z  ann  a try`,
        '',
      ].join('\n'),
    );
    const to = { topic: 'marketplace.orders.raw.v1', partition: 3 };
    const at = '2026-11-26T12:00:00.000Z';
    api.json('GET /admin/replays/plan-1/receipts', {
      receipts: [
        { letter: LETTER.id, outcome: 'returned', to, at },
        { letter: `${TOPIC}/3/18`, outcome: 'skipped', reason: 'returned by plan-0', at },
      ],
    });
    expect((await ctl.run(['replay', 'receipts', 'plan-1'])).out).toBe(
      [
        `AT                        OUTCOME   LETTER                                        TO                           REASON`,
        `2026-11-26T12:00:00.000Z  returned  ${LETTER.id}  marketplace.orders.raw.v1/3`,
        `2026-11-26T12:00:00.000Z  skipped   ${TOPIC}/3/18                               returned by plan-0`,
        '',
      ].join('\n'),
    );
  });

  it('lists the audit', async () => {
    const entry = {
      at: '2026-11-26T12:00:00Z',
      actor: 'ann',
      role: 'operator',
      service: 'validator',
      action: 'rules.set',
    };
    const change = {
      subject: 'rules.drift.vendor',
      before: 'repair',
      after: { action: 'flag' },
      status: 200,
      requestId: 'r-1',
    };
    api.json('GET /admin/audit', { entries: [{ ...entry, ...change }] });
    const { out } = await ctl.run(['audit', '--actor', 'ann', '--from', '1d']);
    expect(out.split('\n')[1]).toBe(
      '2026-11-26T12:00:00Z  ann (operator)  validator  rules.set  rules.drift.vendor  repair  {"action":"flag"}     200  r-1',
    );
    expect(api.lines).toEqual(['GET /admin/audit?actor=ann&from=2026-11-25T12%3A00%3A00.000Z&limit=50']);
  });

  it('cuts long states of the audit also where there is no terminal, and prints them whole with --json', async () => {
    const steps = Array.from({ length: 40 }, (_, step) => ({ kind: 'table', name: `table_${String(step)}` }));
    const entry = { at: '2026-11-26T12:00:00Z', actor: 'ann', action: 'erasure', status: 200, after: { steps } };
    api.json('GET /admin/audit', { entries: [entry] });
    const { out } = await ctl.run(['audit']);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(250);
    expect(out).toContain('…');
    expect((await ctl.run(['audit', '--json'])).out).toContain('table_39');
  });

  it('leaves out columns of a narrow terminal before it cuts the reason', async () => {
    const hourly = Array.from({ length: 24 }, () => 1);
    const times = { firstFailedAt: LETTER.failedAt, lastFailedAt: LETTER.failedAt, hourly };
    const group = { fingerprint: '0123456789abcdef', app: 'validator', path: 'vendor_id', count: 12, ...times };
    api.json('GET /admin/dead-letters/groups', { groups: [{ ...group, reason: 'reference.unknown_vendor' }] });
    const titles = async (tty: number): Promise<string | undefined> =>
      (await ctl.run(['dead-letters', 'groups'], { tty, env: { NO_COLOR: '1' } })).out
        .split('\n')[0]
        ?.replace(/ {2,}/g, '  ');
    expect(await titles(160)).toBe('FINGERPRINT  COUNT  APP  REASON  PATH  FIRST  LAST  LAST 24 H');
    expect(await titles(130)).toBe('FINGERPRINT  COUNT  APP  REASON  PATH  FIRST  LAST');
    expect(await titles(100)).toBe('FINGERPRINT  COUNT  APP  REASON  PATH  LAST');
    const { out } = await ctl.run(['dead-letters', 'groups'], { tty: 100 });
    expect(out).toContain('  reference.unknown_vendor  ');
  });
});
