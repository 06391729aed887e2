import { parseArgs } from 'node:util';

import { startControlServer } from './control-server';
import { ForwardingBackend } from './forwarding-backend';
import { MemoryBackend } from './memory-backend';
import { WriteApiServer } from './write-api-server';

/**
 * A Write API as a process of its own. With `--upstream host:port` it stands in front of another one and adds faults;
 * without, it checks offsets and counts rows and keeps none, for measurements. Says where it listens in one line of JSON.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      'control-port': { type: 'string', default: '0' },
      upstream: { type: 'string' },
      seed: { type: 'string', default: '1' },
    },
  });
  const { upstream } = values;
  const backend = upstream === undefined ? new MemoryBackend({ keepRows: false }) : new ForwardingBackend(upstream);
  const server = new WriteApiServer({ backend, port: Number(values.port), seed: Number(values.seed) });
  const grpc = await server.start();
  const control = await startControlServer(server, Number(values['control-port']));
  process.stdout.write(`${JSON.stringify({ grpc, control: control.url })}\n`);
  const stop = (): void => {
    control.stop();
    void server.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
