import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

jest.setTimeout(420_000);

const REPOSITORY = join(__dirname, '..', '..');

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Those whose end a test did not wait for, too. */
const running = new Map<ChildProcess, Promise<Ended>>();

/** `npm run test:faults` with what `npm test` has built. */
function faults(...args: string[]): Promise<Ended> {
  const program = join(REPOSITORY, 'dist', 'test', 'faults', 'src', 'main.js');
  const child = spawn(process.execPath, [program, '--seed', '1', '--rate', '500', ...args], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, said });
    });
  });
  running.set(child, ended);
  return ended;
}

/** The short part of the fault suite; the long one is `npm run test:faults`. */
describe('the system under faults', () => {
  afterEach(async () => {
    await Promise.all(
      Array.from(running, ([child, ended]) => {
        child.kill('SIGTERM');
        return ended;
      }),
    );
  });

  it('loses nothing and doubles nothing when services are killed and answers are lost', async () => {
    const chosen = [
      'kill validator',
      'kill bq-sink',
      'crash bq-sink at append-answered',
      'crash validator at committed',
      'bigquery lost acks',
      'cut pubsub-bridge~pubsub',
    ];
    const { code, said } = await faults('--records', '15000', ...chosen.flatMap((name) => ['--only', name]));
    expect(code === 0 ? 'green' : said).toBe('green');
  });

  it('is told by the suite when a sink does not end the stream of its predecessor', async () => {
    const { code, said } = await faults('--breaks', '--only', 'skip-finalize');
    expect(code === 0 ? 'red' : said).toBe('red');
  });
});
