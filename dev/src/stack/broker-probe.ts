import { createConnection } from 'node:net';

const ANSWER_TIMEOUT_MS = 3_000;
const MAX_ANSWER_BYTES = 65_536;

const API_VERSIONS = { key: 18, version: 0, body: Buffer.alloc(0) };
/** Version 5 with an empty list of topics: brokers and cluster id only. No topic is created. */
const METADATA = { key: 3, version: 5, body: Buffer.from([0, 0, 0, 0, 0]) };

/**
 * Whether a broker or controller answers an ApiVersions request (version 0), the first request of every client. An open
 * port is not enough: the listener accepts connections before the broker serves requests.
 */
export async function answersApiVersions(port: number): Promise<boolean> {
  return (await ask(port, API_VERSIONS)) !== undefined;
}

/** The id of the cluster whose broker answers on the port; undefined while none answers. */
export async function readClusterId(port: number): Promise<string | undefined> {
  const answer = await ask(port, METADATA);
  return answer === undefined ? undefined : clusterIdOf(answer);
}

/** Metadata response of version 5: throttle time, brokers (node id, host, port, rack), cluster id, … */
function clusterIdOf(answer: Buffer): string | undefined {
  let at = 4;
  const string = (): string | undefined => {
    const length = answer.readInt16BE(at);
    at += 2 + Math.max(0, length);
    return length < 0 ? undefined : answer.toString('utf8', at - length, at);
  };
  const brokers = answer.readInt32BE(at);
  at += 4;
  for (let i = 0; i < brokers; i++) {
    at += 4;
    string();
    at += 4;
    string();
  }
  return string();
}

interface ProbeRequest {
  readonly key: number;
  readonly version: number;
  readonly body: Buffer;
}

/** The answer without its size and correlation id; undefined when none comes within the timeout. */
function ask(port: number, { key, version, body }: ProbeRequest): Promise<Buffer | undefined> {
  const clientId = Buffer.from('readiness');
  const head = Buffer.alloc(14);
  head.writeInt32BE(head.length - 4 + clientId.length + body.length, 0);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(version, 6);
  head.writeInt32BE(1, 8); // correlation id
  head.writeInt16BE(clientId.length, 12);
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () =>
      socket.write(Buffer.concat([head, clientId, body])),
    );
    let received = Buffer.alloc(0);
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      finish(undefined);
    }, ANSWER_TIMEOUT_MS);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > MAX_ANSWER_BYTES) finish(undefined);
      else if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) finish(received.subarray(8));
    });
    socket.once('error', () => {
      finish(undefined);
    });
    socket.once('close', () => {
      finish(undefined);
    });
  });
}
