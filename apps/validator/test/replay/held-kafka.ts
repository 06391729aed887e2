import { setTimeout as delay } from 'node:timers/promises';

import type { Kafka } from 'kafkajs';

import type { HeldCalls } from '../../../../test/model-checking/held-calls';

/** What decides about an owner: who fences, what is committed, and whether a transaction ends. */
export type CoordinatorCall = 'fence' | 'read' | 'commit';

export interface Breakage {
  /** Added to transactional ids: nobody fences anybody. */
  readonly ownIds?: string;
  /** Takes every commit for its own last one. */
  readonly takesAnyToken?: boolean;
  /** Takes what it has read of the committed position for what it is, until it fences again. */
  readonly readsOnce?: boolean;
  /** Takes the answer to a commit for one that counts, although its partition was closed meanwhile. */
  readonly takesLateAnswers?: boolean;
}

interface BrokerRequest {
  /** Of an exchange that is sent over a connection. */
  readonly request?: { readonly apiKey: number; encode?(): Promise<Encoder | undefined> };
  readonly transactionalId?: string;
  readonly topics?: readonly { readonly partitions: readonly { readonly metadata: string | null }[] }[];
}

/** Of kafkajs. */
interface Encoder {
  readonly buf: Buffer;
  readonly offset: number;
}

interface Pooled {
  readonly connectionPool: object;
}

const OFFSET_FETCH = 9;

/** Answers that say "not yet": the transaction of an older producer is being ended. */
const NOT_YET = new Set([14, 15, 16, 51, 88]);
const DEADLINE_MS = 10_000;

/**
 * The client of one process, whose requests to coordinators wait until a replay lets them through. It stands where the
 * library asks for a connection pool, so everything else is the library's, the client's and the broker's own.
 * @param onCommit told of the metadata of each commit before it is asked for
 */
export function heldKafka(
  kafka: Kafka,
  calls: HeldCalls<CoordinatorCall | 'restore'>,
  onCommit: (metadata: string) => void,
  { ownIds = '', takesAnyToken = false, readsOnce = false }: Breakage = {},
): Kafka {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (symbol === undefined) throw new Error('kafkajs has no such symbol: is it still 2.2.4?');
  const create = (kafka as unknown as Record<symbol, (options: object) => object>)[symbol];
  if (create === undefined) throw new Error('kafkajs creates no clusters');

  let last: string | undefined;
  let read: object | undefined;

  /** Requests of a producer, by the name of the client's method; the rest goes its way. */
  const heldBroker = (broker: unknown): unknown =>
    replaced(withHeldReads(broker as Pooled), {
      initProducerId: (send, request) => {
        read = undefined;
        return calls.ask('fence', () => untilAnswered(() => send(named(request))));
      },
      endTxn: (send, request) => calls.ask('commit', () => untilAnswered(() => send(named(request))), { isSent: true }),
      txnOffsetCommit: (send, request) => {
        last = request.topics?.[0]?.partitions[0]?.metadata ?? '';
        onCommit(last);
        return send(named(request));
      },
      addPartitionsToTxn: (send, request) => send(named(request)),
      addOffsetsToTxn: (send, request) => send(named(request)),
      produce: (send, request) => send(named(request)),
    });
  /** What was committed is read by a request of the library's own. */
  const withHeldReads = (broker: Pooled): object => {
    const connectionPool = replaced(broker.connectionPool, {
      send: async (send, exchange) => {
        if (exchange.request?.apiKey !== OFFSET_FETCH) return send(exchange);
        const asked = ownIds === '' ? exchange : unstable(exchange);
        const answer = await calls.ask<object>(
          'read',
          () => read ?? untilAnswered(() => send(asked) as Promise<object>),
        );
        if (readsOnce) read = answer;
        return takesAnyToken && last !== undefined ? { ...answer, metadata: last } : answer;
      },
    });
    return Object.create(broker, { connectionPool: { value: connectionPool } }) as object;
  };
  const named = (request: BrokerRequest): BrokerRequest =>
    request.transactionalId === undefined ? request : { ...request, transactionalId: request.transactionalId + ownIds };
  const heldCluster = (cluster: object): object =>
    replaced(cluster, {
      findGroupCoordinator: async (send, request) => heldBroker(await send(request)),
      findBroker: async (send, request) => heldBroker(await send(request)),
    });
  const createHeld = (options: object): object => heldCluster(create(options));
  const own = Object.getOwnPropertyDescriptors(kafka);
  return Object.create(Object.getPrototypeOf(kafka) as object, { ...own, [symbol]: { value: createHeld } }) as Kafka;
}

/** Nobody who is not fenced is waited for either: the offset as it is, whatever is about to be committed. */
function unstable(exchange: BrokerRequest): BrokerRequest {
  const encode = async (): Promise<Encoder | undefined> => {
    const encoder = await exchange.request?.encode?.();
    // The last byte but one of OffsetFetch v7 is `require_stable`.
    encoder?.buf.writeUInt8(0, encoder.offset - 2);
    return encoder;
  };
  return { ...exchange, request: { apiKey: OFFSET_FETCH, ...exchange.request, encode } };
}

type Send = (request: BrokerRequest) => Promise<unknown>;

/** The object, with other methods in place of some of its own. */
function replaced(
  target: object,
  others: Readonly<Record<string, (send: Send, request: BrokerRequest) => Promise<unknown>>>,
): object {
  return new Proxy(target, {
    get: (_, name): unknown => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const own = value.bind(target) as Send;
      const other = typeof name === 'string' && Object.hasOwn(others, name) ? others[name] : undefined;
      return other === undefined ? own : (request: BrokerRequest) => other(own, request);
    },
  });
}

async function untilAnswered<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? Number(error.code) : undefined;
      if (code === undefined || !NOT_YET.has(code) || performance.now() > deadline) throw error;
      await delay(10);
    }
  }
}
