import { createHash } from 'node:crypto';
import { waitUntil } from '@orderstream/deadlines';
import { type Warehouse } from './customer-tables';
import { type Erasure, mentions } from './erasure';
import { Erasures, type ErasuresOptions } from './erasures';

const CUSTOMER = 'ab'.repeat(32);
const HASH = createHash('sha256').update(CUSTOMER).digest('hex').slice(0, 16);
const BY = { actor: 'bob', role: 'operator', action: 'POST /admin/erasures', requestId: 'r-1' };
const logger = { info: () => undefined, warn: () => undefined };

/** The entries of all consoles; each console reads them from the beginning. */
class Entries {
  readonly entries: Erasure[] = [];
  private readonly readers: ((erasure: Erasure) => void)[] = [];
  /** Ends the console that writes this entry, before or after it is stored. */
  kill: { readonly at: (erasure: Erasure) => boolean; readonly isStored: boolean } | undefined;
  readonly killed = Promise.withResolvers<undefined>();

  open(onChange: (erasure: Erasure) => void): ReturnType<ErasuresOptions['openLog']> {
    const known = new Map<string, Erasure>();
    let isOpen = false;
    // A process that was killed does nothing more.
    let isDead = false;
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => undefined);
    const take = (erasure: Erasure): void => {
      known.set(erasure.id, erasure);
      onChange(erasure);
    };
    this.readers.push((erasure) => {
      if (isOpen) take(erasure);
    });
    return {
      failed: undefined,
      open: () => {
        this.entries.forEach(take);
        isOpen = true;
        return Promise.resolve();
      },
      close: () => {
        isOpen = false;
        closed.reject(new Error('closed'));
        return Promise.resolve();
      },
      find: (id) => known.get(id),
      all: () => [...known.values()].reverse(),
      append: (erasure) => {
        if (isDead) return closed.promise;
        isDead = this.kill?.at(erasure) === true;
        if (!isDead || this.kill?.isStored === true) {
          this.entries.push(erasure);
          for (const reader of this.readers) reader(erasure);
        }
        if (!isDead) return Promise.resolve();
        this.kill = undefined;
        this.killed.resolve(undefined);
        return closed.promise;
      },
    };
  }
}

/** Rows by table; `absent` has no table. */
class FakeWarehouse implements Warehouse {
  readonly tables = ['orders', 'letters', 'absent'];
  readonly rows = new Map([
    ['orders', 3],
    ['letters', 2],
  ]);
  failures: Error[] = [];
  statements = 0;

  count = (table: string): Promise<number | undefined> => Promise.resolve(this.rows.get(table));

  erase(table: string, customer: string): Promise<void> {
    expect(customer).toBe(HASH);
    this.statements++;
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    this.rows.set(table, 0);
    return Promise.resolve();
  }
}

const started: Erasures[] = [];
const NOBODY: ErasuresOptions['validators'] = {
  ...{ topic: 'state', isReachable: false },
  forget: () => Promise.reject(new Error('nobody is asked')),
};
const TOPIC = { kind: 'topic', name: 't', state: 'retained', remainingUntil: '2026-04-01T00:00:00.000Z' } as const;

async function console(entries: Entries, warehouse: Warehouse, more: Partial<ErasuresOptions> = {}): Promise<Erasures> {
  const erasures = new Erasures({
    openLog: (onChange) => entries.open(onChange),
    warehouse,
    topics: { steps: () => Promise.resolve([TOPIC]) },
    validators: NOBODY,
    forget: () => undefined,
    logger,
    retryMs: 10,
    ...more,
  });
  started.push(erasures);
  erasures.start();
  await waitUntil(() => Promise.resolve(isOpen(erasures)), { what: 'the erasures to open', deadlineMs: 5_000 });
  return erasures;
}

function isOpen(erasures: Erasures): boolean {
  try {
    erasures.list(1);
    return true;
  } catch {
    return false;
  }
}

const ended = async (erasures: Erasures, id: string): Promise<Erasure> => {
  await waitUntil(() => Promise.resolve(erasures.get(id).state !== 'running'), { what: 'the end', deadlineMs: 5_000 });
  return erasures.get(id);
};

afterEach(async () => {
  for (const erasures of started.splice(0)) await erasures.stop();
});

describe('erasures', () => {
  it('store what was found before they erase, and have a receipt for each table and topic', async () => {
    const entries = new Entries();
    const warehouse = new FakeWarehouse();
    let forgotten = 0;
    const forget = (): void => {
      forgotten++;
    };
    const erasures = await console(entries, warehouse, { forget });
    const { erasure, isNew } = await erasures.create(CUSTOMER, 'key', BY);
    expect([isNew, erasure.customer, forgotten]).toEqual([true, HASH, 1]);
    expect((await ended(erasures, erasure.id)).steps).toEqual([
      { kind: 'table', name: 'orders', state: 'done', found: 3, erased: 3 },
      { kind: 'table', name: 'letters', state: 'done', found: 2, erased: 2 },
      { kind: 'table', name: 'absent', state: 'absent' },
      TOPIC,
    ]);
    expect(entries.entries.map(({ state }) => state)).toEqual(['running', 'running', 'finished']);
    expect(entries.entries[1]?.steps[0]).toMatchObject({ state: 'waiting', found: 3, erased: 0 });
    expect(JSON.stringify(entries.entries)).not.toContain(CUSTOMER);
    expect(await erasures.create(CUSTOMER, 'key', BY)).toMatchObject({ isNew: false, erasure: { id: erasure.id } });
    await expect(erasures.create('cd'.repeat(32), 'key', BY)).rejects.toThrow('another customer');
    expect(entries.entries).toHaveLength(3);
  });

  it('retry rows in the streaming buffer, and say so meanwhile', async () => {
    const entries = new Entries();
    const warehouse = new FakeWarehouse();
    const buffered = new Error('UPDATE or DELETE statement over table t would affect rows in the streaming buffer');
    warehouse.failures = [buffered, buffered];
    const erasures = await console(entries, warehouse);
    const { erasure } = await erasures.create(CUSTOMER, 'key', BY);
    expect(await ended(erasures, erasure.id)).toMatchObject({ state: 'finished' });
    const waiting = entries.entries.find(({ steps }) => steps.some(({ note }) => note?.includes('streaming buffer')));
    expect(waiting).toMatchObject({ state: 'running', steps: [{ state: 'waiting', found: 3, erased: 0 }, {}, {}, {}] });
    expect(entries.entries.at(-1)?.steps[0]).toEqual({
      ...{ kind: 'table', name: 'orders', state: 'done' },
      ...{ found: 3, erased: 3 },
    });
  });

  it('ask the validators until every partition has answered, and store no id', async () => {
    const entries = new Entries();
    const asked: string[] = [];
    const validators: ErasuresOptions['validators'] = {
      ...{ topic: 'state', isReachable: true },
      forget: (customer) => {
        asked.push(customer);
        const problems = asked.length === 1 ? ['no validator has answered for partitions 3'] : [];
        return Promise.resolve({ removed: asked.length === 1 ? 1 : 0, problems });
      },
    };
    const state = { kind: 'topic', name: 'state', state: 'retained', remainingUntil: null } as const;
    const topics = { steps: () => Promise.resolve([TOPIC, state]) };
    const erasures = await console(entries, new FakeWarehouse(), { validators, topics });
    const { erasure } = await erasures.create(CUSTOMER, 'key', BY);
    const { steps } = await ended(erasures, erasure.id);
    expect(steps.at(-1)).toMatchObject({ kind: 'state', name: 'state', state: 'done', erased: 1 });
    expect(asked).toEqual([HASH, HASH]);
    const waiting = entries.entries.find(({ steps: all }) => all.at(-1)?.note?.includes('partitions 3') === true);
    expect(waiting).toMatchObject({ state: 'running' });
    // Without a token, the step says that it stays.
    const alone = await console(new Entries(), new FakeWarehouse(), { topics });
    const other = await alone.create(CUSTOMER, 'key', BY);
    expect((await ended(alone, other.erasure.id)).steps.at(-1)).toEqual(state);
  });

  it('end as incomplete at the deadline, with what is left and why', async () => {
    const warehouse = new FakeWarehouse();
    warehouse.failures = Array.from({ length: 1_000 }, () => new Error('access denied'));
    const erasures = await console(new Entries(), warehouse, { deadlineMs: 50 });
    const { erasure } = await erasures.create(CUSTOMER, 'key', BY);
    const { state, steps } = await ended(erasures, erasure.id);
    expect(state).toBe('incomplete');
    expect(steps[0]).toMatchObject({ state: 'waiting', found: 3, erased: 0, note: 'access denied' });
  });

  it.each([
    ['before the creation is worked on', (e: Erasure) => e.steps.length === 0, true],
    ['before what was found is stored', (e: Erasure) => e.steps.length > 0, false],
    ['behind it', (e: Erasure) => e.steps.length > 0, true],
    ['between the last deletion and its receipt', (e: Erasure) => e.state === 'finished', false],
  ])('go on in the next console when one is killed %s, and count every row once', async (_, at, isStored) => {
    const entries = new Entries();
    const warehouse = new FakeWarehouse();
    const first = await console(entries, warehouse);
    entries.kill = { at, isStored };
    first.create(CUSTOMER, 'key', BY).catch(() => undefined);
    await entries.killed.promise;
    const id = entries.entries[0]?.id;
    const second = await console(entries, warehouse);
    const { state, steps } = await ended(second, String(id));
    expect(state).toBe('finished');
    expect(steps.slice(0, 2).map(({ found, erased }) => [found, erased])).toEqual([
      [3, 3],
      [2, 2],
    ]);
  });
});

describe('a text', () => {
  it('mentions a customer only if it has the whole id', () => {
    const hashes = new Set([HASH]);
    expect(mentions(`{"customer_id":"${CUSTOMER}"}`, hashes)).toBe(true);
    expect(mentions(`{"customer_id":"${CUSTOMER.slice(1)}"}`, hashes)).toBe(false);
    expect(mentions(`{"customer_id":"${'cd'.repeat(32)}"}`, hashes)).toBe(false);
  });
});
