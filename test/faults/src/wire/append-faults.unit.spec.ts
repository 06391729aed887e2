import { Duplex } from 'node:stream';

import { protos } from '@google-cloud/bigquery-storage';
import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';

import { AppendCall, type Sky } from './append-call';
import { FAIR, type Weather } from './append-conditions';

const { AppendRowsRequest } = protos.google.cloud.bigquery.storage.v1;

const append = (rows: number): Buffer =>
  Buffer.from(
    AppendRowsRequest.encode({
      protoRows: { rows: { serializedRows: Array.from({ length: rows }, () => Buffer.of(1)) } },
    }).finish(),
  );

/** How much of the weather two appends of two rows have met. */
async function metIn(weather: Weather): Promise<number> {
  const sky: Sky = {
    weather,
    straying: undefined,
    rejectedRows: 0,
    met: 0,
    mend() {
      Object.assign(sky, { weather: FAIR });
    },
  };
  const pipe = (): Duplex => new Duplex({ objectMode: true, read: () => undefined, write: (_, __, done) => done() });
  const call = pipe();
  new AppendCall(
    call as unknown as ServerDuplexStream<Buffer, Buffer>,
    pipe() as unknown as ClientDuplexStream<Buffer, Buffer>,
    sky,
  ).start();
  for (let time = 0; time < 2; time++) call.push(append(2));
  await new Promise((resolve) => setImmediate(resolve));
  return sky.met;
}

describe('bad weather', () => {
  it.each<readonly [number, Weather]>([
    [0, FAIR],
    [2, { kind: 'slow', ms: 1 }],
    [2, { kind: 'late', ms: 1 }],
    [2, { kind: 'failing', code: status.UNAVAILABLE }],
    [2, { kind: 'acks-lost' }],
    [2, { kind: 'acks-never' }],
    [2, { kind: 'already-exists' }],
    [1, { kind: 'rejecting', appends: 1, rows: () => [0] }],
    [0, { kind: 'rejecting', appends: 1, rows: () => [] }],
  ])('was met by %d of two appends when it was %j', async (met, weather) => {
    expect(await metIn(weather)).toBe(met);
  });
});
