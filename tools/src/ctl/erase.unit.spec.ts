import { FakeAdminApi, sendJson } from '../../test/fake-admin-api';
import { CtlRunner } from '../../test/fake-terminal';

const CUSTOMER = 'ab'.repeat(32);
const RUNNING = { id: 'e-1', customer: '113459eb7bb31bdd', state: 'running', steps: [] };
const STEPS = [
  { kind: 'table', name: 'order_events', state: 'done', found: 12, erased: 12 },
  { kind: 'topic', name: 'marketplace.orders.raw.v1', state: 'retained', remainingUntil: '2026-12-10T00:00:00.000Z' },
];

describe('ctl erase', () => {
  let api: FakeAdminApi;
  let ctl: CtlRunner;

  beforeEach(async () => {
    api = await FakeAdminApi.start();
    ctl = new CtlRunner(api.url);
    api.on('POST /admin/erasures', (_, response) => {
      sendJson(response, 202, RUNNING);
    });
  });
  afterEach(async () => {
    await api.stop();
    ctl.remove();
  });

  const end = (state: string): void => {
    let asked = 0;
    api.on('GET /admin/erasures/e-1', (_, response) => {
      sendJson(response, 200, ++asked === 1 ? RUNNING : { ...RUNNING, state, steps: STEPS });
    });
  };

  it('waits for the end, and shows what was erased and what remains until when', async () => {
    end('finished');
    const { exitCode, out } = await ctl.run(['erase', CUSTOMER, '--yes', '--idempotency-key', 'k-1']);
    expect(exitCode).toBe(0);
    expect(api.requests[0]).toMatchObject({ body: { customerId: CUSTOMER }, headers: { 'idempotency-key': 'k-1' } });
    expect(out).toMatch(/order_events\s+done\s+12\s+12/);
    expect(out).toContain('2026-12-10T00:00:00.000Z');
    expect(out).not.toContain(CUSTOMER);
  });

  it('names the erasure before it waits, so that a lost console or Ctrl-C does not lose it', async () => {
    api.problem('GET /admin/erasures/e-1', 503, { title: 'Service Unavailable' });
    const { exitCode, err } = await ctl.run(['erase', CUSTOMER, '--yes']);
    expect(err).toContain('Erasure e-1 has begun. It goes on without this command: ctl erasure e-1\n');
    expect(exitCode).toBe(1);
  });

  it('prints the key where the erasure may have begun, and not where it was rejected', async () => {
    api.problem('POST /admin/erasures', 403, { title: 'Forbidden' });
    expect((await ctl.run(['erase', CUSTOMER, '--yes'])).err).not.toContain('--idempotency-key');
    api.problem('POST /admin/erasures', 503, { title: 'Service Unavailable' });
    expect((await ctl.run(['erase', CUSTOMER, '--yes'])).err).toContain('--idempotency-key');
  });

  it('has the exit code 1 for one that is incomplete, and 4 for one that goes on', async () => {
    end('incomplete');
    expect((await ctl.run(['erase', CUSTOMER, '--yes'])).exitCode).toBe(1);
    end('running');
    const { exitCode, err } = await ctl.run(['erase', CUSTOMER, '--yes', '--wait', '1s']);
    expect(exitCode).toBe(4);
    expect(err).toContain('ctl erasure e-1');
  });

  it('sends nothing without a confirmation, or for what is no id of a customer', async () => {
    expect((await ctl.run(['erase', CUSTOMER])).exitCode).toBe(2);
    expect((await ctl.run(['erase', 'ann', '--yes'])).exitCode).toBe(2);
    expect(api.requests).toEqual([]);
  });
});
