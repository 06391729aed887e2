import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { produceBatch } from './produce-batch';

/** A Produce response of version 7 to one partition, as a broker sends it. */
function response(errorCode: number, baseOffset: bigint): Buffer {
  const body = Buffer.alloc(4 + 4 + 2 + 1 + 4 + 4 + 2 + 8 + 8 + 8 + 4);
  body.writeInt32BE(1, 0);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(1, 8);
  body.write('t', 10);
  body.writeInt32BE(1, 11);
  body.writeInt32BE(3, 15);
  body.writeInt16BE(errorCode, 19);
  body.writeBigInt64BE(baseOffset, 21);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** What `produceBatch` makes of an answer that comes in two pieces. */
async function sent(answer: Buffer): Promise<{ offset: number; request: Buffer }> {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.write(answer.subarray(0, 3));
      socket.end(answer.subarray(3));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const offset = await produceBatch(address, { topic: 't', partition: 3 }, Buffer.from('batch'));
    return { offset, request: Buffer.concat(received) };
  } finally {
    server.close();
  }
}

describe('a record batch', () => {
  it('is sent as it is, and has the offset that the broker answers', async () => {
    const { offset, request } = await sent(response(0, 4_711n));
    expect(offset).toBe(4_711);
    expect(request.readInt32BE(0)).toBe(request.length - 4);
    expect(request.subarray(-9)).toEqual(Buffer.concat([Buffer.of(0, 0, 0, 5), Buffer.from('batch')]));
  });

  it('is not stored if the broker answers an error, or nothing', async () => {
    await expect(sent(response(87, -1n))).rejects.toThrow('error 87');
    await expect(sent(Buffer.alloc(2))).rejects.toThrow('closed the connection');
  });
});
