import { parseArgs } from 'node:util';

import { startControlServer } from './control-server';
import { ForwardingBackend } from './forwarding-backend';
import { MemoryBackend } from './memory-backend';
import { WriteApiServer } from './write-api-server';

/**
 * Runs a Write API server. With `--upstream host:port` it forwards to another Write API and injects faults. Without, it
 * checks offsets and counts rows, for benchmarks. Prints its addresses as one line of JSON.
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
  const backend = upstream === undefined ? new MemoryBackend({ storeRows: false }) : new ForwardingBackend(upstream);
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
