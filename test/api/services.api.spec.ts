import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { StackCommand, type StackFile } from '../support/running-stack';
import { type ConsoleIds, createInConsole, only, type OpenApiDocument, withIds, without } from './documents';
import { runSchemathesis } from './schemathesis';

const LOCAL = join(__dirname, '..', '..', '.local');
const REPORTS = join(LOCAL, 'api');
const MINUTE_MS = 60_000;
const START_MS = 3 * MINUTE_MS;
/** Of one service as one caller. */
const TEST_MS = 3 * MINUTE_MS;
/** Of all of them, with the start of the stack. */
const BUDGET_MS = 5.5 * MINUTE_MS;

/** The generator is last: its rate is set, also to no limit, and the console would read the dead letters of that. */
const SERVICES = [
  'console',
  'validator',
  'bq-sink',
  'pubsub-bridge',
  'subscription-emulator',
  'order-generator',
] as const;
/** Who sends the requests, and how many are generated for each endpoint. A stranger learns nothing from more of them. */
const CALLERS = [
  ['stranger', 2],
  ['viewer', 5],
  ['operator', 15],
] as const;
type Caller = (typeof CALLERS)[number][0];

/**
 * The stream of a plan that has not ended does not end. Schemathesis calls it with the ids of the plans that it has created
 * meanwhile, and each call would wait for its timeout. It has a test of its own, with a plan that has ended.
 */
const STREAM = '/admin/replays/{id}/events';

/**
 * Tests every service of a running stack against its OpenAPI document: no 5xx, and every answer is one that the document has.
 *
 * The commands are carried out: they pause, stop, rewind and erase what only this stack has.
 */
describe('the services of a running stack', () => {
  let home: string;
  let command: StackCommand;
  let file: StackFile;
  let ids: ConsoleIds;
  let endsAtMs = Infinity;

  const tokenOf = (caller: Caller): string | undefined => (caller === 'stranger' ? undefined : file.tokens[caller]);
  const urlOf = (service: string): string => {
    const url = file.services[service]?.url;
    if (url === undefined) throw new Error(`${service} is not in stack.json`);
    return url;
  };
  async function documentOf(service: string): Promise<OpenApiDocument> {
    const headers = { authorization: `Bearer ${file.tokens.viewer}` };
    const response = await fetch(`${urlOf(service)}/admin/docs`, { headers });
    expect(response.status).toBe(200);
    return (await response.json()) as OpenApiDocument;
  }
  async function test(
    service: string,
    name: string,
    document: OpenApiDocument,
    caller: Caller,
    maxExamples: number,
  ): Promise<void> {
    const deadlineMs = Math.min(TEST_MS - 5_000, endsAtMs - Date.now());
    if (deadlineMs <= 0) throw new Error(`The tests before it have used the ${String(BUDGET_MS / MINUTE_MS)} minutes.`);
    await runSchemathesis(REPORTS, {
      ...{ name: `${name}-${caller}`, document: withIds(document, ids), url: urlOf(service), token: tokenOf(caller) },
      ...{ maxExamples, deadlineMs },
    });
  }

  beforeAll(async () => {
    endsAtMs = Date.now() + BUDGET_MS;
    mkdirSync(LOCAL, { recursive: true });
    home = mkdtempSync(join(LOCAL, 'api-'));
    command = new StackCommand('main.js', ['--rate', '100', '--defect-rate', '0.2'], home);
    file = await command.waitUntilConsole();
    ids = await createInConsole(urlOf('console'), file.tokens.operator);
  }, START_MS);

  afterAll(async () => {
    command.signal('SIGTERM');
    await command.ended;
    rmSync(home, { recursive: true, force: true });
  }, START_MS);

  describe.each(SERVICES)('%s', (service) => {
    it.each(CALLERS)(
      'answers the %s as its OpenAPI document says',
      async (caller, maxExamples) => {
        await test(service, service, without(await documentOf(service), STREAM), caller, maxExamples);
      },
      TEST_MS,
    );
  });

  it.each(CALLERS)(
    'console streams an ended plan to the %s as its OpenAPI document says',
    async (caller, maxExamples) => {
      await test('console', 'stream', only(await documentOf('console'), STREAM), caller, maxExamples);
    },
    TEST_MS,
  );

  it('still run: none has crashed, and none hangs', async () => {
    for (const service of SERVICES) {
      await waitUntil(async () => (await fetch(`${urlOf(service)}/health/live`)).ok, {
        what: `${service} to answer`,
        deadlineMs: 10_000,
      });
    }
    expect(command.stderr).not.toMatch(/is restarted|not answering/);
  });
});
