import { setTimeout as delay } from 'node:timers/promises';

import type { Kafka } from 'kafkajs';

import type { HeldCalls } from '../../../../test/model-checking/held-calls';

/** Requests to coordinators: InitProducerId, OffsetFetch and EndTxn. */
export type CoordinatorCall = 'fence' | 'read' | 'commit';

/** Faults of a process that need no change of the code. */
export interface Breakage {
  /** Suffix of its transactional ids: it fences no other process. */
  readonly ownIds?: string;
  /** Reads any commit as its own last one. */
  readonly takesAnyToken?: boolean;
  /** Reads the committed offset only once after fencing. */
  readonly readsOnce?: boolean;
  /** Accepts the answer to a commit although the partition was closed meanwhile. */
  readonly takesLateAnswers?: boolean;
}

interface BrokerRequest {
  /** In an exchange with a broker. */
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

/** Protocol errors that pass: the coordinator loads, or ends the transaction of an older producer. */
const RETRIABLE = new Set([14, 15, 16, 51, 88]);
const DEADLINE_MS = 10_000;

/**
 * A Kafka client for one process, which holds its requests to coordinators until a replay releases them. It replaces
 * only what kafkajs sends these requests with; the library, the client and the broker are the real ones.
 * @param onCommit called with the metadata of each commit before it is sent
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
  if (symbol === undefined) throw new Error('kafkajs has no symbol createCluster: is it still 2.2.4?');
  const create = (kafka as unknown as Record<symbol, (options: object) => object>)[symbol];
  if (create === undefined) throw new Error('kafkajs has no createCluster');

  let lastMetadata: string | undefined;
  let firstRead: object | undefined;

  /** Holds the requests of a producer, by the client's methods. */
  const heldBroker = (broker: unknown): unknown =>
    replaced(withHeldReads(broker as Pooled), {
      initProducerId: (send, request) => {
        firstRead = undefined;
        return calls.hold('fence', () => untilAnswered(() => send(withOwnId(request))));
      },
      endTxn: (send, request) =>
        calls.hold('commit', () => untilAnswered(() => send(withOwnId(request))), { isSent: true }),
      txnOffsetCommit: (send, request) => {
        lastMetadata = request.topics?.[0]?.partitions[0]?.metadata ?? '';
        onCommit(lastMetadata);
        return send(withOwnId(request));
      },
      addPartitionsToTxn: (send, request) => send(withOwnId(request)),
      addOffsetsToTxn: (send, request) => send(withOwnId(request)),
      produce: (send, request) => send(withOwnId(request)),
    });
  /** Holds the library's own request for the committed offset. */
  const withHeldReads = (broker: Pooled): object => {
    const connectionPool = replaced(broker.connectionPool, {
      send: async (send, exchange) => {
        if (exchange.request?.apiKey !== OFFSET_FETCH) return send(exchange);
        const asked = ownIds === '' ? exchange : unstable(exchange);
        const answer = await calls.hold<object>(
          'read',
          () => firstRead ?? untilAnswered(() => send(asked) as Promise<object>),
        );
        if (readsOnce) firstRead = answer;
        return takesAnyToken && lastMetadata !== undefined ? { ...answer, metadata: lastMetadata } : answer;
      },
    });
    return Object.create(broker, { connectionPool: { value: connectionPool } }) as object;
  };
  const withOwnId = (request: BrokerRequest): BrokerRequest =>
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

/** Reads the committed offset without waiting for open transactions. */
function unstable(exchange: BrokerRequest): BrokerRequest {
  const encode = async (): Promise<Encoder | undefined> => {
    const encoder = await exchange.request?.encode?.();
    // The second last byte of OffsetFetch v7 is `require_stable`.
    encoder?.buf.writeUInt8(0, encoder.offset - 2);
    return encoder;
  };
  return { ...exchange, request: { apiKey: OFFSET_FETCH, ...exchange.request, encode } };
}

type Send = (request: BrokerRequest) => Promise<unknown>;

/** The object with some of its methods replaced. */
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
      if (code === undefined || !RETRIABLE.has(code) || performance.now() > deadline) throw error;
      await delay(10);
    }
  }
}
