import { FakeAdminApi, sendJson } from '../../test/fake-admin-api';
import { CtlRunner } from '../../test/fake-terminal';

const RUN = {
  id: 'load_20260201t020000z_20260101_20260131',
  pipeline: 'load_batch_to_bq',
  state: 'succeeded',
  from: '2026-01-01',
  to: '2026-01-31',
  scheduledAt: '2026-02-01T02:00:00Z',
  source: 'steady',
  createdAt: '2026-02-01T02:00:01.000Z',
  endedAt: '2026-02-01T02:00:09.000Z',
  blocks: [
    {
      block: 'generate_data',
      attempt: 1,
      state: 'succeeded',
      startedAt: 't1',
      rowsIn: 0,
      rowsOut: 4_100,
      rejected: {},
    },
    {
      block: 'quality_checks',
      attempt: 2,
      state: 'succeeded',
      startedAt: 't2',
      rowsIn: 4_100,
      rowsOut: 4_090,
      rejected: { 'duplicate.order': 10 },
    },
    {
      block: 'export_to_gbq',
      attempt: 1,
      state: 'succeeded',
      startedAt: 't3',
      rowsIn: 4_090,
      rowsOut: 4_090,
      rejected: {},
    },
  ],
};
const PATH = `/admin/runs/${RUN.id}`;

describe('ctl runs', () => {
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

  it('lists the runs, with those whose process has ended', async () => {
    const interrupted = { ...RUN, id: 'load_x', state: 'running', interrupted: true, blocks: [] };
    api.json('GET /admin/runs', { runs: [RUN, interrupted] });
    const { out, exitCode } = await ctl.run(['runs', 'list', '--limit', '5']);
    expect(api.requests[0]?.url).toBe('/admin/runs?limit=5');
    expect(out.split('\n')[1]).toMatch(/^load_20260201t\S+ +succeeded +2026-01-01 to 2026-01-31 +4,090 +steady/);
    expect(out.split('\n')[2]).toMatch(/^load_x +running, interrupted/);
    expect(exitCode).toBe(0);
    expect(JSON.parse((await ctl.run(['runs', 'list', '--json'])).out)).toEqual({ runs: [RUN, interrupted] });
  });

  it('shows a run with its blocks', async () => {
    api.json(`GET ${PATH}`, RUN);
    const { out } = await ctl.run(['runs', 'show', RUN.id]);
    expect(out).toMatch(/^days +2026-01-01 to 2026-01-31$/m);
    expect(out).toMatch(/^quality_checks +succeeded +2 +4,100 +4,090 +duplicate\.order 10/m);
  });

  it('starts runs for a time, so that it can be repeated, and says so when that fails', async () => {
    api.problem('POST /admin/runs', 409, { title: 'Conflict', detail: '100 runs wait' });
    const args = [
      'runs',
      'start',
      '--from',
      '2026-01-01',
      '--to',
      '2026-01-31',
      '--rows',
      '5000',
      '--partition',
      'day',
    ];
    const failed = await ctl.run(args);
    expect(api.requests[0]?.body).toEqual({
      from: '2026-01-01',
      to: '2026-01-31',
      rows: 5_000,
      partition: 'day',
      scheduledAt: '2026-11-26T12:00:00.000Z',
    });
    expect(failed.err).toContain('Repeat the command with --scheduled-at 2026-11-26T12:00:00.000Z');
    expect(failed.exitCode).toBe(1);
    api.problem('POST /admin/runs', 400, { title: 'Bad Request', detail: 'to has not ended yet.' });
    const rejected = await ctl.run(args);
    expect(rejected.err).not.toContain('Repeat the command with');
    expect((await ctl.run(['runs', 'start', '--from', '2026-01-41', '--to', '2026-01-31'])).exitCode).toBe(2);
  });

  it('watches runs to their ends, and fails with one that fails', async () => {
    const states = ['waiting', 'running', 'failed'];
    api.json('POST /admin/runs', { runs: [{ ...RUN, state: 'waiting', blocks: [] }] });
    api.on(`GET ${PATH}`, (_request, response) => {
      sendJson(response, 200, { ...RUN, state: states.shift() ?? 'failed' });
    });
    const { err, exitCode } = await ctl.run(['runs', 'start', '--from', '2026-01-01', '--to', '2026-01-31', '--watch']);
    expect(err).toContain(`Go on with it: ctl runs resume ${RUN.id}`);
    expect(exitCode).toBe(1);
  });

  it('resumes and cancels', async () => {
    api.json(`POST ${PATH}/resume`, { ...RUN, state: 'waiting' });
    api.json(`POST ${PATH}/cancel`, { ...RUN, state: 'cancelled' });
    expect((await ctl.run(['runs', 'resume', RUN.id])).out).toContain('is resumed');
    api.json(`POST ${PATH}/resume`, { ...RUN, state: 'succeeded' });
    expect((await ctl.run(['runs', 'resume', RUN.id])).out).toContain('has succeeded already: nothing was done.');
    expect((await ctl.run(['runs', 'cancel', RUN.id])).out).toContain('The run is cancelled.');
    expect((await ctl.run(['runs', 'cancel', '../x'])).exitCode).toBe(2);
  });
});
