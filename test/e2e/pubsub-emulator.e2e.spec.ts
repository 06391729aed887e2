import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StackCommand } from '../support/running-stack';

/** The stack has a deadline of its own: it exits with 4 when it makes no progress for 60 s. */
jest.setTimeout(900_000);

/** About 26,000 orders. An emulator with a heap of 48 MB takes about 8,000. */
const SCENARIO = join(__dirname, '../support/scenarios/load.yaml');
const EVENTS = 60_000;
const RATE = 1_500;
const HEAP_MB = 48;

describe('the Pub/Sub emulator of the local stack', () => {
  let home: string;
  let command: StackCommand;

  beforeAll(() => {
    const local = join(__dirname, '..', '..', '.local');
    mkdirSync(local, { recursive: true });
    home = mkdtempSync(join(local, 'e2e-'));
  });
  afterAll(async () => {
    // After a failure; the second signal kills all processes.
    command.signal('SIGTERM');
    command.signal('SIGTERM');
    await command.ended;
    rmSync(home, { recursive: true, force: true });
  });

  it('is restarted before its heap is full, and no order is lost', async () => {
    const args = [
      '--events',
      String(EVENTS),
      '--rate',
      String(RATE),
      '--exit',
      '--json',
      '--seed',
      '11',
      '--scenario',
      SCENARIO,
    ];
    command = new StackCommand('main.js', args, home, { ORDERSTREAM_PUBSUB_HEAP_MB: String(HEAP_MB) });
    expect(`exit code ${String(await command.ended)}\n${command.stderr}`).toMatch(/^exit code 0\n/);
    const accounts = JSON.parse(command.stdout) as { tables: Record<string, number> };
    expect(accounts).toMatchObject({ missing: 0, duplicated: 0, accountedFor: true });
    expect(accounts.tables.streaming_orders).toBe(accounts.tables.order_events);
    expect(Number(accounts.tables.order_events)).toBeGreaterThan(25_000);

    const times = (event: RegExp): number => [...command.stderr.matchAll(event)].length;
    expect(times(/pubsub-emulator is restarted: \d+ % of its heap was used/g)).toBeGreaterThanOrEqual(2);
    // On a slow machine it can run out of memory. The planned restarts themselves lose nothing.
    expect(times(/pubsub-bridge is restarted/g)).toBeLessThanOrEqual(
      times(/pubsub-emulator (was ended|exited|has not answered)/g),
    );
  });
});
