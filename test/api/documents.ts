import { randomUUID } from 'node:crypto';
import { waitUntil } from '@orderstream/deadlines';

const DEAD_LETTERS = 'marketplace.orders.raw.v1.dlq.validator';
const WAIT_MS = 60_000;

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Ids of what the console has, by path and parameter: `/admin/replays/{id} id`. */
export type ConsoleIds = Readonly<Record<string, string>>;

/** Creates a plan, one that has ended, and an erasure, and finds a dead letter. */
export async function createInConsole(url: string, token: string): Promise<ConsoleIds> {
  const ask = async (path: string, body?: object): Promise<Readonly<Record<string, unknown>>> => {
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...{ authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() },
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Readonly<Record<string, unknown>>;
    if (!response.ok) throw new Error(`${path} answered ${String(response.status)}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const letter = await waitUntil(
    async () => {
      const { letters } = await ask(`/admin/dead-letters?topic=${DEAD_LETTERS}`);
      return (letters as readonly Readonly<Record<string, unknown>>[])[0];
    },
    { what: 'a dead letter', deadlineMs: WAIT_MS },
  );
  const create = () => ask('/admin/replays', { topic: DEAD_LETTERS, filter: {} });
  // The console reads the plans after its start.
  const plan = await waitUntil(() => create().catch(() => undefined), { what: 'a plan', deadlineMs: WAIT_MS });
  const ended = await create();
  await ask(`/admin/replays/${String(ended.id)}/cancel`, {});
  const erasure = await ask('/admin/erasures', { customerId: 'a'.repeat(64) });
  const ids: Record<string, string> = {
    '/admin/dead-letters/{topic}/{partition}/{offset} topic': String(letter.topic),
    '/admin/dead-letters/{topic}/{partition}/{offset} partition': String(letter.partition),
    '/admin/dead-letters/{topic}/{partition}/{offset} offset': String(letter.offset),
    '/admin/erasures/{id} id': String(erasure.id),
    '/admin/replays/{id}/events id': String(ended.id),
  };
  for (const action of ['', '/receipts', '/preview', '/start', '/pause', '/cancel']) {
    ids[`/admin/replays/{id}${action} id`] = String(plan.id);
  }
  return ids;
}

/** The document with these ids in place of its examples, so that not all answers are of unknown ids. */
export function withIds(document: OpenApiDocument, ids: ConsoleIds): OpenApiDocument {
  const paths = Object.entries(document.paths).map(([path, operations]) => {
    const changed = Object.entries(operations).map(([method, operation]) => {
      const parameters = (operation.parameters ?? []).map((parameter) => {
        const example = parameter.in === 'path' ? ids[`${path} ${parameter.name}`] : undefined;
        return example === undefined ? parameter : { ...parameter, example };
      });
      return [method, { ...operation, parameters }] as const;
    });
    return [path, Object.fromEntries(changed)] as const;
  });
  return { ...document, paths: Object.fromEntries(paths) };
}

export const without = (document: OpenApiDocument, path: string): OpenApiDocument => ({
  ...document,
  paths: Object.fromEntries(Object.entries(document.paths).filter(([each]) => each !== path)),
});

export const only = (document: OpenApiDocument, path: string): OpenApiDocument => ({
  ...document,
  paths: Object.fromEntries(Object.entries(document.paths).filter(([each]) => each === path)),
});
