import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

jest.setTimeout(420_000);

const REPOSITORY = join(__dirname, '..', '..');

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Processes that have not ended. */
const running = new Map<ChildProcess, Promise<Ended>>();

/** `npm run test:faults`, from the build of `npm test`. */
function faults(...args: string[]): Promise<Ended> {
  const program = join(REPOSITORY, 'dist', 'test', 'faults', 'src', 'main.js');
  const child = spawn(process.execPath, [program, '--seed', '1', '--rate', '500', ...args], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, stderr });
    });
  });
  running.set(child, ended);
  return ended;
}

/** A short run of the fault suite. */
describe('the fault suite', () => {
  afterEach(async () => {
    await Promise.all(
      Array.from(running, ([child, ended]) => {
        child.kill('SIGTERM');
        return ended;
      }),
    );
  });

  it('finds nothing lost or doubled when services are killed and responses are lost', async () => {
    const chosen = [
      'kill validator',
      'kill bq-sink',
      'crash bq-sink at append-answered',
      'crash validator at committed',
      'bigquery lost acks',
      'cut pubsub-bridge~pubsub',
    ];
    const { code, stderr } = await faults('--records', '15000', ...chosen.flatMap((name) => ['--only', name]));
    expect(code === 0 ? 'green' : stderr).toBe('green');
  });

  it('finds doubled rows when a sink does not finalize the stream of its predecessor', async () => {
    const { code, stderr } = await faults('--breaks', '--only', 'skip-finalize');
    expect(stderr).toMatch(/as expected: skip-finalize, .*: red, duplicated [1-9]/);
    expect(code).toBe(0);
  });
});
