import { createServer } from 'node:net';
import { createKafka } from '@orderstream/kafka';
import { componentEnv } from '../src/process/component-env';
import { PortFinder } from '../src/process/ports';
import { readClusterId } from '../src/stack/broker-probe';
import { kafkaBroker } from '../src/stack/kafka-broker';

const brokers = [process.env.TEST_KAFKA_BROKERS ?? ''];
const port = Number(brokers[0]?.split(':')[1]);

const brokerOf = (clusterId: string) =>
  kafkaBroker({
    java: 'java',
    folder: '/nowhere',
    data: '/nowhere',
    clusterId,
    paths: { logs: '/nowhere' },
    port,
    controllerPort: 1,
    env: componentEnv({}, { installed: '/nowhere' }),
  });

describe('the broker on a port', () => {
  it('is known by its cluster id: another one is neither ready nor alive, and is named', async () => {
    const admin = createKafka({ brokers, clientId: 'test' }).admin();
    await admin.connect();
    const { clusterId } = await admin.describeCluster();
    await admin.disconnect();
    expect(clusterId).toMatch(/^[\w-]{22}$/);
    expect(await readClusterId(port)).toBe(clusterId);

    const own = brokerOf(clusterId);
    expect([await own.isReady(), await own.isAlive?.()]).toEqual([true, true]);
    const other = brokerOf('kR5lPk0yQ2m3y0T1sA5b6g');
    expect([await other.isReady(), await other.isAlive?.()]).toEqual([false, false]);
    expect(await other.portOwner?.()).toBe(`a Kafka broker of the cluster ${clusterId}, not of kR5lPk0yQ2m3y0T1sA5b6g`);
  });

  it('is none while nothing answers', async () => {
    const free = await new PortFinder().find(0);
    expect(await readClusterId(free)).toBeUndefined();
    // It reads and never answers. A server that does not read never closes.
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(free, '127.0.0.1', resolve));
    expect(await readClusterId(free)).toBeUndefined();
    await new Promise((resolve) => silent.close(resolve));
  });
});
