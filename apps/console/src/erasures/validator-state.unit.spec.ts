import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { ValidatorState } from './validator-state';

const servers: Server[] = [];

/** A validator that gives this answer. */
async function validator(status: number, body: unknown, requests: string[] = []): Promise<string> {
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += String(chunk)));
    request.on('end', () => {
      requests.push([request.method, request.url, request.headers.authorization, text].join(' '));
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

const answer = (removed: readonly number[], ...partitions: readonly number[]): object => ({
  topic: 't',
  partitions: partitions.map((partition, at) => ({ partition, removed: removed[at] ?? 0 })),
  ...{ failed: [], elsewhere: [] },
});

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

it('asks every validator, and no other service, until each partition has answered', async () => {
  const requests: string[] = [];
  const state = new ValidatorState({
    serviceUrls: {
      validator: await validator(200, answer([1], 0, 1, 2), requests),
      'validator-2': await validator(200, answer([0, 0, 2], 3, 4, 5), requests),
      'bq-sink': await validator(500, {}, requests),
      validators: await validator(500, {}, requests),
    },
    token: 'secret',
  });
  expect(state.isReachable).toBe(true);
  expect(await state.forget('0123456789abcdef')).toEqual({ removed: 3, problems: [] });
  expect(requests).toEqual(Array(2).fill('POST /admin/forget-customer Bearer secret {"customer":"0123456789abcdef"}'));
});

it('says which partitions have not answered, and why', async () => {
  const serviceUrls = {
    validator: await validator(200, { ...answer([], 0, 1), failed: [{ partition: 2, detail: 'fenced' }] }),
    'validator-2': await validator(503, { detail: 'it is starting' }),
    'validator-3': await validator(200, { other: true }),
    'validator-4': 'http://127.0.0.1:1',
  };
  const { removed, problems } = await new ValidatorState({ serviceUrls, token: 'secret' }).forget('0');
  expect(removed).toBe(0);
  expect(problems[0]).toBe('no validator has answered for partitions 2, 3, 4, 5');
  expect(problems).toContain('validator, partition 2: fenced');
  expect(problems).toContain('validator-2: status 503: it is starting');
  expect(problems).toContainEqual(expect.stringMatching(/^validator-3: /));
  expect(problems).toContainEqual(expect.stringMatching(/^validator-4: /));
  expect(problems.join()).not.toContain('secret');
});

it('reaches nobody without a token or a validator', () => {
  const serviceUrls = { validator: 'http://127.0.0.1:1' };
  expect(new ValidatorState({ serviceUrls, token: undefined }).isReachable).toBe(false);
  expect(new ValidatorState({ serviceUrls: { 'bq-sink': 'http://127.0.0.1:1' }, token: 's' }).isReachable).toBe(false);
});
