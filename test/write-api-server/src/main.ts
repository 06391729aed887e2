import { startControlServer } from './control-server';
import { ForwardingBackend } from './forwarding-backend';
import { MemoryBackend } from './memory-backend';
import { parseServerOptions } from './options';
import { WriteApiServer } from './write-api-server';

/**
 * Runs a Write API server. With `--upstream host:port` it forwards to another Write API and injects faults. Without, it
 * checks offsets and counts rows, for benchmarks. Prints its addresses as one line of JSON.
 */
async function main(): Promise<void> {
  const { port, controlPort, upstream, seed } = parseServerOptions(process.argv.slice(2));
  const backend = upstream === undefined ? new MemoryBackend({ storeRows: false }) : new ForwardingBackend(upstream);
  const server = new WriteApiServer({ backend, port, seed });
  const grpc = await server.start();
  const control = await startControlServer(server, controlPort);
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
