import { type ServerResponse } from 'node:http';
import { waitUntil } from '@orderstream/deadlines';
import { FakeAdminApi, sendJson } from '../../test/fake-admin-api';
import { CtlRunner } from '../../test/fake-terminal';
import { FINISHED, READY, RUNNING } from '../../test/replay-samples';
import { InterruptedError } from './errors';

const PLAN = '/admin/replays/plan-1';
const WAITING = { ...READY, revision: 4, state: 'waiting', waitingFor: 'plan-0' };

const event = (plan: object): string => `event: plan\ndata: ${JSON.stringify(plan)}\n\n`;

describe('ctl replay watch', () => {
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

  /** The stream sends these texts, and ends if the last one is null. */
  const stream = (...texts: readonly (string | null)[]): void => {
    api.on(`GET ${PLAN}/events`, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const text of texts) if (text !== null) response.write(text);
      if (texts.at(-1) === null) response.end();
    });
  };

  it('draws a progress bar from the events, and ends with the plan', async () => {
    api.json(`GET ${PLAN}`, WAITING);
    stream(event(RUNNING), event(FINISHED));
    const { exitCode, out, err } = await ctl.run(['replay', 'watch', 'plan-1'], { tty: 160 });
    expect(err.split('\r\u001b[2K').slice(1)).toEqual([
      'replay plan-1  waiting  [------------------------] 0 %  0/5,120  waits for plan-0',
      'replay plan-1  running  [############------------] 50 %  2,560/5,120  100/s  26 s left  returned 2,560, came back 3',
      'replay plan-1  finished  [########################] 100 %  5,120/5,120  returned 5,110, parked 10\n',
    ]);
    expect(out).toContain('state     finished\n');
    expect(exitCode).toBe(0);
    expect(api.lines).toEqual([`GET ${PLAN}`, `GET ${PLAN}/events`]);
  });

  it('prints one document with --json, and progress as lines where there is no terminal', async () => {
    api.json(`GET ${PLAN}`, RUNNING);
    stream(event(RUNNING), event({ ...RUNNING, progress: { ...RUNNING.progress, returned: 2_561 } }), event(FINISHED));
    const { out, err } = await ctl.run(['replay', 'watch', 'plan-1', '--json']);
    expect(JSON.parse(out)).toEqual(FINISHED);
    expect(err.split('\n').map((line) => line.slice(0, 24))).toEqual([
      'replay plan-1  running  ',
      'replay plan-1  finished ',
      '',
    ]);
  });

  it.each(['failed', 'stopped', 'cancelled'])('ends with 1 when the plan is %s', async (state) => {
    api.json(`GET ${PLAN}`, { ...FINISHED, state, error: { type: 'about:blank', detail: 'The topic is gone.' } });
    const { exitCode, out, err } = await ctl.run(['replay', 'watch', 'plan-1']);
    expect(exitCode).toBe(1);
    expect(out).toContain('error     The topic is gone.');
    expect(err).toContain(`The plan did not finish: it is ${state}.`);
  });

  it.each(['ready', 'paused'])(
    'does not wait for a plan that is %s: it goes on only when someone starts it',
    async (state) => {
      api.json(`GET ${PLAN}`, { ...READY, state });
      const { exitCode, err } = await ctl.run(['replay', 'watch', 'plan-1', '--deadline', '30s']);
      expect(err).toContain(`it is ${state}. Start it: ctl replay start plan-1`);
      expect(exitCode).toBe(1);
    },
  );

  it('asks instead when the stream is cut, is not there, or sends something else', async () => {
    const breaks: readonly (() => void)[] = [
      () => {
        stream(event(RUNNING), null);
      },
      () => api.problem(`GET ${PLAN}/events`, 404, { title: 'Not Found' }),
      () => {
        stream('event: plan\ndata: {"id":\n\n', 'garbage', null);
      },
      () => {
        api.on(`GET ${PLAN}/events`, (_, response) => response.destroy());
      },
    ];
    for (const breakStream of breaks) {
      let asked = 0;
      api.on(`GET ${PLAN}`, (_, response) => {
        asked++;
        sendJson(response, 200, asked < 3 ? RUNNING : FINISHED);
      });
      breakStream();
      const { exitCode } = await ctl.run(['replay', 'watch', 'plan-1']);
      expect(exitCode).toBe(0);
      expect(asked).toBe(3);
    }
  });

  it('waits for a console that is restarted, and ends at once for an answer that stays', async () => {
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => {
        sendJson(response, 200, RUNNING);
      },
      (response) => response.destroy(),
      (response) => {
        sendJson(response, 503, { status: 503, title: 'Service Unavailable' });
      },
      (response) => {
        sendJson(response, 404, { status: 404, title: 'Not Found', detail: 'There is no plan plan-1.' });
      },
    ];
    api.on(`GET ${PLAN}`, (_, response) => answers.shift()?.(response));
    const { exitCode, err } = await ctl.run(['replay', 'watch', 'plan-1']);
    expect(err).toContain('There is no plan plan-1.');
    expect(exitCode).toBe(1);
    expect(answers).toEqual([]);
  });

  it('ends with 4 at its deadline, and says that the plan goes on', async () => {
    api.json(`GET ${PLAN}`, RUNNING);
    const { exitCode, err } = await ctl.run(['replay', 'watch', 'plan-1', '--deadline', '30s']);
    expect(err).toContain('did not get to its end before the deadline. It goes on: ctl replay watch plan-1');
    expect(exitCode).toBe(4);
  });

  it('ends with 3 when the console does not come back within a minute', async () => {
    let asked = 0;
    api.on(`GET ${PLAN}`, (_, response) => {
      asked++;
      if (asked === 1) sendJson(response, 200, RUNNING);
      else response.destroy();
    });
    const { exitCode, err } = await ctl.run(['replay', 'watch', 'plan-1']);
    expect(err).toContain('cannot be reached');
    expect(exitCode).toBe(3);
    expect(asked).toBeGreaterThan(60);
  });

  it('ends with 130 at Ctrl-C, and closes the stream', async () => {
    let closed = false;
    api.json(`GET ${PLAN}`, RUNNING);
    api.on(`GET ${PLAN}/events`, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event(RUNNING));
      response.on('close', () => (closed = true));
    });
    const stop = new AbortController();
    const run = ctl.run(['replay', 'watch', 'plan-1'], { signal: stop.signal });
    await waitUntil(() => api.lines.length === 2, { what: 'the stream to be opened', deadlineMs: 5_000 });
    stop.abort(new InterruptedError(130));
    const { exitCode, out, err } = await run;
    expect(exitCode).toBe(130);
    expect(err).toContain('Interrupted.');
    expect(out).toBe('');
    await waitUntil(() => closed, { what: 'the stream to be closed', deadlineMs: 5_000 });
  });
});
