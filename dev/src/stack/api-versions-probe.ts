import { createConnection } from 'node:net';

const ANSWER_TIMEOUT_MS = 1_000;

/**
 * Whether a broker or controller answers an ApiVersions request (version 0), the first request of every client. An open
 * port is not enough: the listener accepts connections before the broker serves requests.
 */
export function answersApiVersions(port: number): Promise<boolean> {
  const clientId = Buffer.from('readiness');
  const request = Buffer.alloc(4 + 8 + 2 + clientId.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(18, 4); // ApiVersions
  request.writeInt16BE(0, 6); // version
  request.writeInt32BE(1, 8); // correlation id
  request.writeInt16BE(clientId.length, 12);
  clientId.copy(request, 14);
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(request));
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      finish(false);
    });
    socket.once('data', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
    socket.once('close', () => {
      finish(false);
    });
  });
}
