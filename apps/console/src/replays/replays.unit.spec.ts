import { Module } from '@nestjs/common';
import { defineSettings, serviceSettings } from '@orderstream/config';
import {
  CursorRejectedError,
  DEFAULT_REPLAY_OPTIONS,
  type Plan,
  ReplayChangedError,
  ReplayInvalidError,
  ReplayKeyReusedError,
  ReplayPlans,
  type ReplayRequest,
  ReplayStateError,
  ReplayUnavailableError,
  ReplayUnknownError,
} from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { createLogger } from '@orderstream/observability';
import { runService } from '@orderstream/service';
import { Subject } from 'rxjs';
import { FakeProcess, LogLines, OPERATOR, TOKENS, VIEWER } from '../../../../test/support/fake-process';
import { DeadLetters } from '../dead-letters/dead-letters';
import { Replays } from './replays';
import { ReplaysController } from './replays.controller';

const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';
const PROBLEM = 'urn:orderstream:problem:';
const NO_PROGRESS = { returned: 0, parked: 0, skipped: 0, rejected: 0, cameBack: 0, total: 0 };

/** Plans without letters: every command changes the state at once. */
class MemoryPlans {
  readonly plans = new Map<string, Plan>();
  readonly keys = new Map<string, { readonly request: string; readonly id: string }>();
  readonly events = new Subject<Plan>();
  failure: Error | undefined;
  readonly failed: Error | undefined;

  opening: Error | undefined;

  open(): Promise<void> {
    return this.opening === undefined ? Promise.resolve() : Promise.reject(this.opening);
  }

  close = (): Promise<void> => Promise.resolve();

  create(request: ReplayRequest, actor: string, key: string): Promise<{ plan: Plan; isNew: boolean }> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const known = this.keys.get(key);
    if (known !== undefined) {
      if (known.request !== JSON.stringify(request)) return Promise.reject(new ReplayKeyReusedError(known.id));
      return Promise.resolve({ plan: this.get(known.id), isNew: false });
    }
    const { topic, filter, edit, note, ...options } = request;
    const plan: Plan = {
      id: `plan-${String(this.plans.size)}`,
      revision: 1,
      state: 'draft',
      ...{ topic, filter, createdBy: actor },
      ...(edit === undefined ? {} : { edit }),
      ...(note === undefined ? {} : { note }),
      options: { ...DEFAULT_REPLAY_OPTIONS, ...options },
      createdAt: '2026-03-01T12:00:00.000Z',
      progress: NO_PROGRESS,
    };
    this.plans.set(plan.id, plan);
    this.keys.set(key, { request: JSON.stringify(request), id: plan.id });
    return Promise.resolve({ plan, isNew: true });
  }

  get(id: string): Plan {
    const plan = this.plans.get(id);
    if (plan === undefined) throw new ReplayUnknownError(id);
    return plan;
  }

  list = (): Plan[] => [...this.plans.values()].reverse();

  change(id: string, state: Plan['state'], changes: Partial<Plan> = {}): Plan {
    const plan = this.get(id);
    const changed = { ...plan, ...changes, state, revision: plan.revision + 1 };
    this.plans.set(id, changed);
    this.events.next(changed);
    return changed;
  }

  preview = (id: string): Promise<Plan> =>
    Promise.resolve(
      this.change(id, 'ready', {
        preview: {
          at: '2026-03-01T12:00:01.000Z',
          ...{ upTo: { 0: 3 }, letters: 1, followers: 0, total: 1, warnings: [] },
          samples: [`${TOPIC}/0/2`],
          settings: { version: '5f3a9c1b2d4e', revision: 0 },
          dryRun: { passes: 1, fails: [], undecided: 0 },
        },
      }),
    );

  start(id: string, revision: number): Promise<Plan> {
    const plan = this.get(id);
    if (plan.revision !== revision) return Promise.reject(new ReplayChangedError(id, plan.revision, revision));
    return Promise.resolve(this.change(id, 'running'));
  }

  pause(id: string): Promise<Plan> {
    const { state } = this.get(id);
    if (state !== 'running') return Promise.reject(new ReplayStateError(id, state, 'pause'));
    return Promise.resolve(this.change(id, 'paused'));
  }

  cancel = (id: string): Promise<Plan> => Promise.resolve(this.change(id, 'cancelled'));

  figures = () => ({
    plans: { running: 1, stopped: 2 },
    letters: { returned: 10, parked: 1, skipped: 0, rejected: 0, cameBack: 3 },
    ...{ ratePerSecond: 4.5, idleSeconds: 7 },
  });

  receipts(id: string, { cursor }: { readonly cursor?: string }): Promise<object> {
    this.get(id);
    if (cursor !== undefined) return Promise.reject(new CursorRejectedError('is of another plan'));
    return Promise.resolve({
      receipts: [{ letter: `${TOPIC}/0/2`, outcome: 'returned', at: '2026-03-01T12:00:02.000Z' }],
    });
  }

  changes(id: string): Subject<Plan> {
    this.get(id);
    return this.events;
  }
}

const plans = new MemoryPlans();
const search = {
  byId: (ids: readonly string[]) => Promise.resolve(ids.map((id) => ({ id }))),
};

@Module({
  controllers: [ReplaysController],
  providers: [Replays, { provide: ReplayPlans, useValue: plans }, { provide: DeadLetters, useValue: { search } }],
})
class ReplaysOnly {}

let url = '';
const log = new LogLines();
let replays: Replays;
const host = new FakeProcess();

interface Called {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly etag: string | null;
}

async function call(
  method: string,
  path: string,
  { token = OPERATOR, body, headers = {} }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Called> {
  const response = await fetch(`${url}/admin/replays${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    etag: response.headers.get('etag'),
  };
}

const metricsOf = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();

let keys = 0;
const create = (body: object, key = `key-${String(keys++)}`): Promise<Called> =>
  call('POST', '', { body, headers: { 'idempotency-key': key } });
const createdId = async (body: object = {}): Promise<string> =>
  String((await create({ topic: TOPIC, filter: {}, ...body })).body.id);

beforeAll(async () => {
  await runService(
    {
      name: 'console',
      settings: defineSettings({ service: serviceSettings }),
      module: () => ReplaysOnly,
      prepare: (app) => {
        replays = app.get(Replays);
        return Promise.resolve();
      },
    },
    {
      env: { HTTP_PORT: '0', ADMIN_TOKENS: TOKENS },
      host,
      logger: createLogger({ service: 'console', level: 'info', destination: log }),
    },
  );
  url = await log.url();
});
afterAll(async () => {
  host.emit('SIGTERM', 'SIGTERM');
  expect(await host.exited.promise).toBe(0);
});
beforeEach(() => {
  plans.failure = undefined;
});

describe('the replays of the API', () => {
  it('answer 503 until the plans are read, and are opened again after a failure', async () => {
    plans.opening = new Error('the broker is away');
    replays.start();
    expect((await call('GET', '')).status).toBe(503);
    expect(await metricsOf()).not.toMatch(/^orderstream_replay_plans\{/m);
    expect(await call('GET', '/any')).toMatchObject({ status: 503, body: { code: 'REPLAY_UNAVAILABLE' } });
    plans.opening = undefined;
    await waitUntil(async () => (await call('GET', '')).status === 200, { what: 'the plans', deadlineMs: 10_000 });
    expect((await call('GET', '/any')).status).toBe(404);
    const metrics = await metricsOf();
    for (const line of [
      'orderstream_replay_plans{state="stopped",app="console"} 2',
      'orderstream_replay_letters_total{outcome="returned",app="console"} 10',
      'orderstream_replay_letters_total{outcome="came_back",app="console"} 3',
      'orderstream_replay_rate{app="console"} 4.5',
      'orderstream_replay_idle_seconds{app="console"} 7',
    ]) {
      expect(metrics.split('\n')).toContain(line);
    }
  }, 20_000);

  it('creates one plan for a key, however often the request is repeated', async () => {
    const body = { topic: TOPIC, filter: { reason: 'time.in_future' }, ratePerSecond: 5, note: 'once' };
    const first = await create(body, 'same');
    const second = await create(body, 'same');
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body).toEqual(first.body);
    expect(first).toMatchObject({ etag: '"1"', body: { createdBy: 'bob', state: 'draft', note: 'once' } });
    const other = await create({ ...body, ratePerSecond: 6 }, 'same');
    expect(other).toMatchObject({ status: 422, body: { type: `${PROBLEM}idempotency-key-reused` } });
  });

  it('rejects a creation without a usable key', async () => {
    const unusable: Record<string, string>[] = [
      {},
      { 'idempotency-key': 'a b' },
      { 'idempotency-key': 'x'.repeat(256) },
    ];
    for (const headers of unusable) {
      const { status, body } = await call('POST', '', { body: { topic: TOPIC, filter: {} }, headers });
      expect([status, body]).toMatchObject([400, { type: `${PROBLEM}idempotency-key-required` }]);
    }
  });

  it.each<[string, object]>([
    ['no filter', { topic: TOPIC }],
    ['an unknown condition', { topic: TOPIC, filter: { colour: 'red' } }],
    ['an unknown option', { topic: TOPIC, filter: {}, speed: 1 }],
    ['null in place of nothing', { topic: TOPIC, filter: {}, note: null }],
    ['a rate of nothing', { topic: TOPIC, filter: {}, ratePerSecond: 0 }],
    ['a time that is none', { topic: TOPIC, filter: { from: 'yesterday' } }],
    ['a patch that is no list', { topic: TOPIC, filter: {}, edit: { op: 'remove', path: '/a' } }],
    ['too many operations', { topic: TOPIC, filter: {}, edit: Array(101).fill({ op: 'remove', path: '/a' }) }],
  ])('rejects a request with %s', async (_, body) => {
    expect(await create(body)).toMatchObject({ status: 400, body: { status: 400 } });
  });

  it('answers what the engine finds in a plan as one problem with all errors', async () => {
    plans.failure = new ReplayInvalidError(['edit/0: customer_id cannot be edited', 'topic: not a dead-letter topic']);
    expect(await create({ topic: TOPIC, filter: {} })).toMatchObject({
      status: 422,
      body: {
        type: `${PROBLEM}plan-invalid`,
        errors: plans.failure instanceof ReplayInvalidError && plans.failure.problems,
      },
    });
    plans.failure = new ReplayUnavailableError('the broker does not answer');
    expect((await create({ topic: TOPIC, filter: {} })).status).toBe(503);
  });

  it('starts only the plan whose preview was seen', async () => {
    const id = await createdId();
    const preview = await call('POST', `/${id}/preview`);
    expect(preview).toMatchObject({ status: 200, etag: '"2"', body: { state: 'ready', revision: 2 } });
    expect(preview.body.preview).toMatchObject({ samples: [{ id: `${TOPIC}/0/2` }] });
    const start = (ifMatch?: string): Promise<Called> =>
      call('POST', `/${id}/start`, ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } });
    expect(await start()).toMatchObject({ status: 428, body: { type: `${PROBLEM}revision-required` } });
    for (const tag of ['*', '2', 'W/"2"', '"2", "3"', '"-1"']) {
      expect([tag, await start(tag)]).toMatchObject([
        tag,
        { status: 400, body: { type: `${PROBLEM}condition-invalid` } },
      ]);
    }
    expect(await start('"1"')).toMatchObject({ status: 412, body: { type: `${PROBLEM}revision-stale` } });
    expect(await start('"2"')).toMatchObject({ status: 200, etag: '"3"', body: { state: 'running' } });
  });

  it('answers 409 when the state does not allow the command, and 404 for an unknown plan', async () => {
    const id = await createdId();
    expect(await call('POST', `/${id}/pause`)).toMatchObject({ status: 409, body: { type: `${PROBLEM}plan-state` } });
    expect((await call('POST', `/${id}/cancel`)).body.state).toBe('cancelled');
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/pause'],
      ['GET', '/receipts'],
      ['GET', '/events'],
    ] as const) {
      const answer = await call(method, `/none${path}`);
      expect([path, answer]).toMatchObject([path, { status: 404, body: { type: `${PROBLEM}plan-unknown` } }]);
    }
  });

  it('lets a viewer read and nothing more, with personal values masked', async () => {
    const id = await createdId({
      filter: { fields: { vendor_name: 'Becker', item_quantity: '2' } },
      edit: [
        { op: 'replace', path: '/vendor_name', value: 'Ada' },
        { op: 'replace', path: '/item_price', value: '1.00' },
        { op: 'remove', path: '/item_name' },
      ],
    });
    for (const command of ['preview', 'start', 'pause', 'cancel']) {
      expect((await call('POST', `/${id}/${command}`, { token: VIEWER })).status).toBe(403);
    }
    const masked = {
      filter: { fields: { vendor_name: '(masked)', item_quantity: '2' } },
      edit: [
        { op: 'replace', path: '/vendor_name', value: '(masked)' },
        { op: 'replace', path: '/item_price', value: '1.00' },
        { op: 'remove', path: '/item_name' },
      ],
    };
    expect((await call('GET', `/${id}`, { token: VIEWER })).body).toMatchObject(masked);
    const { plans: listed } = (await call('GET', '?limit=1', { token: VIEWER })).body;
    expect(listed).toMatchObject([{ id, ...masked }]);
    expect((await call('GET', `/${id}`)).body).toMatchObject({ filter: { fields: { vendor_name: 'Becker' } } });
  });

  it('are audited with the plan before and after, and without personal values and notes', async () => {
    const from = log.lines.length;
    const id = await createdId({
      ...{ note: 'Becker called', filter: { reason: 'time.in_future', fields: { vendor_name: 'Becker' } } },
      edit: [{ op: 'replace', path: '/vendor_name', value: 'Becker & Sons' }],
    });
    await call('POST', `/${id}/preview`);
    await call('POST', `/${id}/start`, { headers: { 'if-match': '"1"' } });
    const audited = log.lines.slice(from).filter(({ audit }) => audit === true);
    expect(audited).toMatchObject([
      {
        ...{ actor: 'bob', action: 'POST /admin/replays', subject: `replay.${id}`, status: 201, before: null },
        after: { state: 'draft', topic: TOPIC, filter: { reason: 'time.in_future' }, edit: [{ path: '/vendor_name' }] },
      },
      {
        ...{ action: `POST /admin/replays/${id}/preview`, subject: `replay.${id}`, status: 200 },
        ...{ before: { state: 'draft', revision: 1 }, after: { state: 'ready', revision: 2, letters: 1 } },
      },
      { action: `POST /admin/replays/${id}/start`, subject: `replay.${id}`, status: 412, before: { state: 'ready' } },
    ]);
    expect(audited[2]).not.toHaveProperty('after');
    expect(JSON.stringify(audited)).not.toContain('Becker');
  });

  it('lists every plan once over pages', async () => {
    await createdId();
    const ids: unknown[] = [];
    for (let cursor = ''; ;) {
      const { body } = await call('GET', `?limit=2${cursor}`);
      ids.push(...(body.plans as { id: string }[]).map(({ id }) => id));
      if (body.next === undefined) break;
      cursor = `&cursor=${body.next as string}`;
    }
    expect(ids).toEqual(plans.list().map(({ id }) => id));
    expect(await call('GET', '?cursor=x')).toMatchObject({ status: 400, body: { type: `${PROBLEM}cursor-rejected` } });
  });

  it('pages receipts, and rejects the cursor of another plan', async () => {
    const id = await createdId();
    expect((await call('GET', `/${id}/receipts`)).body.receipts).toHaveLength(1);
    const answer = await call('GET', `/${id}/receipts?cursor=abc`);
    expect(answer).toMatchObject({ status: 400, body: { type: `${PROBLEM}cursor-rejected` } });
  });

  it('streams each change of a plan, and ends with it', async () => {
    const id = await createdId();
    const response = await fetch(`${url}/admin/replays/${id}/events`, {
      headers: { authorization: `Bearer ${VIEWER}` },
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    plans.change(id, 'running');
    plans.change(id, 'finished');
    plans.events.complete();
    const events = (await response.text()).trim().split('\n\n');
    const states = events.map((event) => {
      const lines = event.split('\n');
      expect(lines).toContain('event: plan');
      const data = lines.find((line) => line.startsWith('data: '))?.slice(6) ?? '{}';
      return (JSON.parse(data) as Plan).state;
    });
    expect(states).toEqual(['running', 'finished']);
  });

  it('answers 413 for a body of 10 MB', async () => {
    const { status } = await create({ topic: TOPIC, filter: {}, note: 'x'.repeat(10 * 1_048_576) });
    expect(status).toBe(413);
  });
});
