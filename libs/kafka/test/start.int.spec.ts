import { connect, createServer, type Server } from 'node:net';
import { freePort } from '../../../test/support/free-port';
import { createKafka, ensureTopics, fetchEndOffsets } from '../src';
import { testKafka, unique } from './broker';

const spec = (name: string) => ({
  name,
  partitions: 1,
  cleanup: 'delete' as const,
  retentionMs: 3_600_000,
  maxMessageBytes: 1_048_576,
  timestamps: 'CreateTime' as const,
});

describe('the start of a service', () => {
  it('fails with the addresses of the brokers that do not answer, and the settings to check', async () => {
    const brokers = [`127.0.0.1:${(await freePort()).toString()}`];
    const kafka = createKafka({ brokers, clientId: 'kafka-int-spec', connectTimeoutMs: 1_000 });
    const failed: unknown = await ensureTopics(kafka, [spec(unique('x'))], { replication: 1 }).catch((e: unknown) => e);
    expect(failed).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    expect((failed as Error).message).toContain(`No Kafka broker answers at ${brokers.join(', ')}`);
    expect((failed as Error).message).toContain('KAFKA_BROKERS');
  });

  it('waits for a broker that starts later than the service', async () => {
    const [host = '', port = ''] = (process.env.TEST_KAFKA_BROKERS ?? '').split(',')[0]?.split(':') ?? [];
    const proxyPort = await freePort();
    const name = unique('late');
    let warned: (() => void) | undefined;
    const hasFailedOnce = new Promise<void>((resolve) => (warned = resolve));
    const quiet = (): void => undefined;
    const kafka = createKafka(
      { brokers: [`127.0.0.1:${proxyPort.toString()}`], clientId: 'kafka-int-spec' },
      { debug: quiet, info: quiet, warn: () => warned?.(), error: quiet },
    );
    let proxy: Server | undefined;
    const created = ensureTopics(kafka, [spec(name)], { replication: 1 });
    await hasFailedOnce;
    try {
      proxy = createServer((client) => {
        const broker = connect(Number(port), host);
        for (const socket of [client, broker]) socket.on('error', () => socket.destroy());
        client.pipe(broker).pipe(client);
      });
      proxy.listen(proxyPort, '127.0.0.1');
      await created;
      expect(await fetchEndOffsets(testKafka(), name)).toEqual([0]);
    } finally {
      proxy?.close();
      const admin = testKafka().admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [name] });
      await admin.disconnect();
    }
  });
});
