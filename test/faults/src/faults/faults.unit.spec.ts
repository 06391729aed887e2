import { StepFault } from '../instrumented/step-fault';
import { APPS, CONSUMERS, LINKS } from '../stack/fault-stack';
import { FAULTS } from './catalogue';
import { outcomeOfEffect } from './effect';
import { type Claim, type FaultContext } from './fault';
import { withFurtherInstances } from './further-instances';
import { ReadinessPoll } from './readiness';
import { unexpectedExit } from './steps';
import { withoutCommits } from './stop-broker';

describe('the catalogue', () => {
  it('has no two faults with the same name', () => {
    const names = FAULTS.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('kills and restarts each service, and cuts each link', () => {
    const names = FAULTS.map(({ name }) => name);
    const expected = [
      ...APPS.flatMap((app) => [`kill ${app}`, `restart ${app}`]),
      ...LINKS.map((link) => `cut ${link}`),
    ];
    expect(expected.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('restarts the broker under all services that commit, which counts only after a clean stop', async () => {
    const fault = FAULTS.find(({ name }) => name === 'clean restart kafka');
    expect(fault).toMatchObject({ claims: ['kafka'], recovers: ['order-generator', ...CONSUMERS] });
    expect(fault?.isAlone).toBeUndefined();
    const up = jest.fn(() => Promise.resolve());
    const backend = { isRunning: false, down: () => Promise.resolve({ tookMs: 1, exit: { code: 0 } }), up };
    const stack = { backend: () => backend, kafkaLogs: '/no/such/folder' };
    const context = { stack } as unknown as FaultContext;
    await expect(fault?.inject(context)).rejects.toThrow('did not shut down cleanly');
    expect(up).toHaveBeenCalledTimes(1);
  });

  it.each(['bq-sink', 'pubsub-bridge'] as const)('claims %s with the link that it uses only at its start', (app) => {
    const faults = FAULTS.filter(({ name }) => name.endsWith(` ${app}~bigquery`));
    expect(faults).toHaveLength(4);
    for (const { claims } of faults) expect(claims).toEqual([`${app}~bigquery`, app]);
  });
});

describe('the outcome of a fault that needs something to affect', () => {
  const claims = (...all: readonly Claim[]): { claimed: ReadonlySet<Claim> } => ({ claimed: new Set(all) });

  it('is its detail when it affected something', () => {
    expect(outcomeOfEffect(claims(), 'bq-sink', 3, 'cut')).toEqual({ detail: 'cut' });
  });

  it('is a failure when it affected nothing', () => {
    const { broken } = outcomeOfEffect(claims(), 'bq-sink', 0, 'cut');
    expect(broken).toEqual(['the fault was not injected: it affected nothing of bq-sink']);
    expect(outcomeOfEffect(claims('pubsub-bridge', 'pubsub-emulator'), 'bq-sink', 0, 'cut').broken).toEqual(broken);
  });

  it.each<Claim>(['bq-sink', 'bq-sink~kafka', 'write-api', 'validator', 'kafka', 'order-generator~kafka'])(
    'is no failure when another fault made %s unavailable',
    (claim) => {
      expect(outcomeOfEffect(claims(claim), 'bq-sink', 0, 'cut')).toEqual({ detail: `cut, without ${claim}` });
    },
  );
});

describe('a fault of a link that is used only at a start', () => {
  it('lasts while the service restarts, and counts only what it affects from then on', async () => {
    const events: string[] = [];
    const proxy = {
      affected: { connections: 0, chunks: 0 },
      set state({ kind }: { kind: string }) {
        events.push(kind);
        this.affected = { connections: 5, chunks: 0 };
      },
      clear: () => events.push('open'),
    };
    const replace = (): Promise<void> => {
      events.push('restarted');
      setTimeout(() => {
        events.push('affected');
        proxy.affected = { connections: 6, chunks: 2 };
      });
      return Promise.resolve();
    };
    const stack = { links: { 'bq-sink~bigquery': proxy }, instance: () => ({ replace }) };
    const context = { stack, rng: { between: () => 0 }, claimed: new Set() } as unknown as FaultContext;
    const fault = FAULTS.find(({ name }) => name === 'cut bq-sink~bigquery');
    expect(await fault?.inject(context)).toEqual({ detail: 'cut for 0 ms, affected 1 connections and 2 chunks' });
    expect(events).toEqual(['cut', 'restarted', 'affected', 'open']);
  });
});

describe('a crash at a step', () => {
  it.each([
    ['kill', 'SIGKILL'],
    ['freeze', 'SIGSTOP'],
  ] as const)('is logged before the %s, at the n-th occurrence and at no other', (action, signal) => {
    const events: string[] = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => events.push(String(text)) > 0);
    jest.spyOn(process, 'kill').mockImplementation((pid, sent) => {
      events.push(`${String(sent)} to ${String(pid)}`);
      return true;
    });
    try {
      const fault = new StepFault({ step: 'committed', nth: 2, action });
      expect(['committed', 'fenced'].map((step) => fault.reach(step))).toEqual([false, false]);
      expect(events).toEqual([]);
      expect(['committed', 'committed'].map((step) => fault.reach(step))).toEqual([true, false]);
      const notice = StepFault.notice(process.pid, { step: 'committed', nth: 2 });
      expect(events).toEqual([`${notice}\n`, `${signal} to ${String(process.pid)}`]);
    } finally {
      jest.restoreAllMocks();
    }
  });

  it('is passed to the process in its environment', () => {
    const settings = { step: 'committed', nth: 2, action: 'freeze' } as const;
    const read = StepFault.fromEnvironment(StepFault.environment(settings));
    expect(read).toEqual(new StepFault(settings));
  });

  it('is an exit by SIGKILL with the step in the log, and no other exit', () => {
    expect(unexpectedExit({ code: null, signal: 'SIGKILL' }, true)).toBeUndefined();
    expect(unexpectedExit({ code: null, signal: 'SIGKILL' }, false)).toContain('its log does not name the step');
    expect(unexpectedExit({ code: null, signal: 'SIGTERM' }, true)).toContain('SIGTERM');
    expect(unexpectedExit({ code: 0, signal: null }, true)).toContain('code 0');
    expect(unexpectedExit({ code: 1, signal: null }, false)).toContain('code 1');
  });
});

describe('a poll of readiness', () => {
  /** @param missing what the status lacks: before the first poll, and after each */
  async function falseReports(
    isReady: boolean | undefined,
    missing: readonly (string | undefined)[],
  ): Promise<string[]> {
    const answers = missing.values();
    const poll = new ReadinessPoll(
      () => Promise.resolve(isReady),
      () => Promise.resolve(answers.next().value),
    );
    for (let polls = 1; polls < missing.length; polls++) expect(await poll.next()).toBe(isReady === true);
    return [...poll.falseReports];
  }

  it('finds a service that is ready while something is missing before and after', async () => {
    expect(await falseReports(true, ['5 of 24 partitions', '6 of 24 partitions'])).toEqual(['6 of 24 partitions']);
    expect(await falseReports(true, [undefined, 'the state', 'the state'])).toEqual(['the state']);
  });

  it.each<readonly [string, boolean | undefined, readonly (string | undefined)[]]>([
    ['nothing is missing', true, [undefined, undefined, undefined]],
    ['it may have recovered before it was ready', true, ['the state', undefined]],
    ['it may have lost a partition after it was ready', true, [undefined, 'the state', undefined]],
    ['it is not ready', false, ['the state', 'the state']],
    ['it does not answer', undefined, ['the state', 'the state']],
  ])('finds nothing where %s', async (_why, isReady, missing) => {
    expect(await falseReports(isReady, missing)).toEqual([]);
  });
});

describe('services that are paused for a work', () => {
  /** @param states of a partition, before each poll */
  async function calls(states: readonly string[], work: () => Promise<unknown>): Promise<string[]> {
    const noted: string[] = [];
    const left = states.values();
    const stack = {
      service: (app: string) => ({
        postAdmin: (action: string) => Promise.resolve(noted.push(`${action} ${app}`)),
        client: () => ({
          status: () =>
            Promise.resolve({ partitions: [{ topic: 't', partition: 0, state: left.next().value ?? 'paused' }] }),
        }),
      }),
    };
    let commits = 0;
    const offsets = {
      committed: (app: string) => {
        noted.push(`read ${app}`);
        return Promise.resolve(new Map([['t/0', commits < 3 ? ++commits : 3]]));
      },
    };
    const context = { stack, offsets } as unknown as FaultContext;
    const noteWork = (): Promise<unknown> => {
      noted.push('work');
      return work();
    };
    await withoutCommits(context, 'bq-sink', noteWork, 1).catch((error: unknown) => noted.push(String(error)));
    return noted;
  }

  it('have committed what they were handed before the work, and run again after it', async () => {
    const noted = await calls(['running', 'paused'], () => Promise.resolve());
    const reads = (app: string): number => noted.filter((each) => each === `read ${app}`).length;
    // Twelve polls without a change, behind three with one.
    expect([reads('validator'), reads('pubsub-bridge')]).toEqual([15, 13]);
    const actions = noted.filter((each) => !each.startsWith('read'));
    expect(actions).toEqual([
      'pause validator',
      'pause pubsub-bridge',
      'work',
      'resume validator',
      'resume pubsub-bridge',
    ]);
  });

  it('run again when the work fails', async () => {
    const noted = await calls([], () => Promise.reject(new Error('broken')));
    expect(noted.slice(-3)).toEqual(['resume validator', 'resume pubsub-bridge', 'Error: broken']);
  });
});

describe('further instances', () => {
  /** Instances that note the calls. One call, or the work, may fail. */
  async function calls(failing: 'nothing' | 'ready 3' | 'up 3' | 'work'): Promise<string[]> {
    const noted: string[] = [];
    const note = async (what: string): Promise<void> => {
      noted.push(what);
      if (what === failing) throw new Error(what);
      return Promise.resolve();
    };
    const stack = {
      instance: (_app: string, number = 1) => ({
        up: () => note(`up ${String(number)}`),
        ready: () => note(`ready ${String(number)}`),
        downHard: () => note(`down ${String(number)}`),
      }),
    };
    const done = withFurtherInstances({ stack }, 'validator', [2, 3], () => note('work'));
    if (failing === 'nothing') await done;
    else await expect(done).rejects.toThrow(failing);
    return noted;
  }

  it('are up and ready during the work, and down after it', async () => {
    expect(await calls('nothing')).toEqual([
      'up 2',
      'up 3',
      'ready 1',
      'ready 2',
      'ready 3',
      'work',
      'down 2',
      'down 3',
    ]);
  });

  it.each(['up 3', 'ready 3', 'work'] as const)('are down when %s fails', async (failing) => {
    expect((await calls(failing)).slice(-2)).toEqual(['down 2', 'down 3']);
  });
});
