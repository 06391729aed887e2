import fc from 'fast-check';
import { isEnded, type PlanAction, type PlanState, TRANSITIONS } from './plan';
import { type ChangedEvent, type CreatedEvent, PlanBook, type PlanEvent } from './plan-events';

const AT = '2026-01-01T00:00:00.000Z';
const ACTIONS: readonly PlanAction[] = [
  'preview',
  'previewed',
  'previewFailed',
  'start',
  'claim',
  'canaryPassed',
  'pause',
  'cancel',
  'finish',
  'stop',
  'fail',
];
const OPTIONS = { includeDuplicates: false, followers: true, ratePerSecond: 1, canary: 0, stopAboveShare: 0.5 };

const created = (plan: string, topic = 'a', idempotencyKey = plan): CreatedEvent => ({
  kind: 'created',
  plan,
  at: AT,
  actor: 'ann',
  idempotencyKey,
  topic,
  filter: {},
  options: OPTIONS,
});
const changed = (plan: string, action: PlanAction, revision: number, runner?: string): ChangedEvent => ({
  kind: 'changed',
  plan,
  at: AT,
  action,
  revision,
  ...(runner === undefined ? {} : { runner }),
});

/** A book with one plan to which these actions were done. */
function bookAfter(...actions: readonly PlanAction[]): PlanBook {
  const book = new PlanBook();
  const runnerOf = (action: PlanAction): string | undefined =>
    ['start', 'pause'].includes(action) ? undefined : 'here';
  const events = [created('p'), ...actions.map((action, i) => changed('p', action, i + 2, runnerOf(action)))];
  expect(events.map((event, offset) => book.apply(event, offset))).toEqual(events.map(() => undefined));
  return book;
}

describe('the states of a plan', () => {
  it('lead from a draft to every other one, and never out of an end', () => {
    const reached = new Set<PlanState>(['draft']);
    for (const state of reached) for (const next of Object.values(TRANSITIONS[state])) reached.add(next);
    expect([...reached].sort()).toEqual(Object.keys(TRANSITIONS).sort());
    const ended = Object.keys(TRANSITIONS).filter((state) => isEnded(state as PlanState));
    expect(ended).toEqual(['finished', 'cancelled', 'stopped', 'failed']);
  });

  it.each<[PlanState, readonly PlanAction[]]>([
    ['ready', ['preview', 'previewed']],
    ['waiting', ['preview', 'previewed', 'start']],
    ['running', ['preview', 'previewed', 'start', 'claim']],
    ['paused', ['preview', 'previewed', 'start', 'claim', 'pause']],
    ['waiting', ['preview', 'previewed', 'start', 'claim', 'pause', 'start']],
    ['finished', ['preview', 'previewed', 'start', 'claim', 'finish']],
  ])('are %s after %j', (state, actions) => {
    expect(bookAfter(...actions).find('p')).toMatchObject({ state, revision: actions.length + 1 });
  });

  it('is changed by the first of two events with one revision, and by no event of another', () => {
    const book = bookAfter('preview', 'previewed', 'start', 'claim');
    expect(book.apply(changed('p', 'claim', 6, 'other'), 9)).toBeUndefined();
    expect(book.apply(changed('p', 'pause', 6), 10)).toBe('revision');
    expect(book.apply(changed('p', 'start', 7), 11)).toBe('state');
    expect(book.apply(changed('p', 'finish', 7, 'here'), 11)).toBe('runner');
    expect(book.apply(changed('q', 'start', 2), 12)).toBe('unknown');
    expect(book.find('p')).toMatchObject({ state: 'running', revision: 6, runner: 'other' });
  });

  it('counts what came back only from the console that runs the plan, and never less', () => {
    const book = bookAfter('preview', 'previewed', 'start', 'claim');
    const beat = (runner: string, cameBack: number): PlanEvent => ({
      kind: 'beat',
      plan: 'p',
      at: AT,
      runner,
      cameBack,
    });
    for (const event of [beat('here', 3), beat('other', 9), beat('here', 2)]) book.apply(event, 9);
    expect(book.find('p')?.cameBack).toBe(3);
  });

  it('gives an idempotency key to the first plan', () => {
    const book = new PlanBook();
    expect(book.apply(created('p', 'a', 'key'), 0)).toBeUndefined();
    expect(book.apply(created('q', 'a', 'key'), 1)).toBe('key');
    expect(book.ofKey('key')?.created.plan).toBe('p');
    expect(book.find('q')).toBeUndefined();
  });
});

const PLANS = ['p', 'q', 'r', 's'];
const anyEvent = (): fc.Arbitrary<{ plan: string; action: PlanAction; ahead: number; runner: string | undefined }> =>
  fc.record({
    plan: fc.constantFrom(...PLANS),
    action: fc.constantFrom(...ACTIONS),
    ahead: fc.constantFrom(1, 1, 1, 1, 0, 2),
    runner: fc.constantFrom('here', 'here', 'there', undefined),
  });

it('lets at most one plan of a topic run, in any history, and follows the table of transitions', () => {
  fc.assert(
    fc.property(fc.array(anyEvent(), { maxLength: 200 }), (history) => {
      const book = new PlanBook();
      const log: PlanEvent[] = PLANS.map((plan, i) => created(plan, i < 3 ? 'a' : 'b'));
      for (const [offset, event] of log.entries()) book.apply(event, offset);
      for (const { plan, action, ahead, runner } of history) {
        const before = book.find(plan);
        const event = changed(plan, action, (before?.revision ?? 0) + ahead, runner);
        log.push(event);
        const rejection = book.apply(event, log.length - 1);
        const after = book.find(plan);
        if (rejection === undefined) {
          expect(after?.revision).toBe((before?.revision ?? 0) + 1);
          expect(after?.state).toBe(TRANSITIONS[before?.state ?? 'draft'][action]);
        } else expect(after).toBe(before);
        const running = [...book.all()]
          .filter(({ state }) => state === 'running')
          .map(({ created: { topic } }) => topic);
        expect(new Set(running).size).toBe(running.length);
      }
      const again = new PlanBook();
      for (const [offset, event] of log.entries()) again.apply(event, offset);
      expect([...again.all()]).toEqual([...book.all()]);
    }),
  );
});
