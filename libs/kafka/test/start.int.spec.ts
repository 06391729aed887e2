import { connect, createServer, type Server } from 'node:net';
import { createKafka, ensureTopics, fetchEnds } from '../src';
import { testKafka, unique } from './broker';

const spec = (name: string) => ({
  name,
  partitions: 1,
  cleanup: 'delete' as const,
  retentionMs: 3_600_000,
  maxMessageBytes: 1_048_576,
  timestamps: 'CreateTime' as const,
});

/** A port of this machine that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('the start of a service', () => {
  it('names the brokers that do not answer, and what can be done', async () => {
    const brokers = [`127.0.0.1:${(await freePort()).toString()}`];
    const kafka = createKafka({ brokers, clientId: 'kafka-int-spec', connectTimeoutMs: 1_000 });
    const failed: unknown = await ensureTopics(kafka, [spec(unique('x'))], { replication: 1 }).catch((e: unknown) => e);
    expect(failed).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    expect((failed as Error).message).toContain(`No Kafka broker answered at ${brokers.join(', ')} within 1 s`);
    expect((failed as Error).message).toContain('KAFKA_BROKERS');
  });

  it('waits for a broker that comes up later than the service', async () => {
    const [host = '', port = ''] = (process.env.TEST_KAFKA_BROKERS ?? '').split(',')[0]?.split(':') ?? [];
    const behind = await freePort();
    const name = unique('late');
    let reject: (() => void) | undefined;
    const rejected = new Promise<void>((resolve) => (reject = resolve));
    const quiet = (): void => undefined;
    const kafka = createKafka(
      { brokers: [`127.0.0.1:${behind.toString()}`], clientId: 'kafka-int-spec' },
      { debug: quiet, info: quiet, warn: () => reject?.(), error: quiet },
    );
    let proxy: Server | undefined;
    const made = ensureTopics(kafka, [spec(name)], { replication: 1 });
    await rejected;
    try {
      proxy = createServer((client) => {
        const broker = connect(Number(port), host);
        for (const socket of [client, broker]) socket.on('error', () => socket.destroy());
        client.pipe(broker).pipe(client);
      });
      proxy.listen(behind, '127.0.0.1');
      await made;
      expect(await fetchEnds(testKafka(), name)).toEqual([0]);
    } finally {
      proxy?.close();
      const admin = testKafka().admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [name] });
      await admin.disconnect();
    }
  });
});
