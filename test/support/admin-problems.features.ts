import { Module } from '@nestjs/common';
import { type ServiceSettings } from '@orderstream/config';
import { createLogger, type Health } from '@orderstream/observability';
import { HEALTH, runService, type ServiceDefinition } from '@orderstream/service';
import request from 'supertest';
import { FakeProcess, LogLines, OPERATOR, TOKENS, VIEWER } from './fake-process';

/** Of `AuthenticationLimiter`. */
const FAILURES_UNTIL_BLOCKED = 20;
/** It starts the service six times and sends hundreds of requests. */
const SUITE_TIMEOUT_MS = 120_000;

const SASL_PASSWORD = 'password-of-the-broker';
/** What must not be in any log: tokens, known or not, and other secrets. */
const SECRETS = [OPERATOR, VIEWER, 'unknown-token', SASL_PASSWORD, 'Bearer'];

/** The statuses of problems, by method and path. */
type Problems = Map<string, Set<number>>;
/** A valid request to each endpoint, from the examples of the document. */
type Examples = Map<string, { readonly path: string; readonly body: string }>;

interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly example?: unknown;
    readonly schema?: { readonly example?: unknown; readonly enum?: readonly unknown[] };
  }[];
  readonly requestBody?: {
    readonly content: Readonly<
      Record<string, { readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>
    >;
  };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

interface Running {
  readonly url: string;
  /** Everything that the service has logged, at every level. */
  readonly log: () => string;
  stop(): Promise<void>;
}

/** What the service is before a request. Nothing connects: `prepare` and the transports are left out. */
interface Variant {
  readonly tokens?: string;
  /** Never ends its start. */
  readonly isStarting?: boolean;
  /** Has failed, so that only a restart helps. */
  readonly hasFailed?: boolean;
  /** Without the module of the service, and so without status, pause and resume. */
  readonly isBare?: boolean;
}

@Module({})
class BareModule {}

async function run<T extends { readonly service: ServiceSettings }>(
  definition: ServiceDefinition<T>,
  { tokens = TOKENS, isStarting = false, hasFailed = false, isBare = false }: Variant,
): Promise<Running> {
  const host = new FakeProcess();
  const destination = new LogLines();
  const started = Promise.withResolvers<undefined>();
  const running = runService(
    {
      name: definition.name,
      settings: definition.settings,
      module: isBare ? () => BareModule : definition.module,
      ...(definition.admin === undefined ? {} : { admin: definition.admin }),
      prepare: (app) => {
        if (hasFailed) app.get<Health>(HEALTH).live('probe', () => ({ ok: false, detail: 'failed' }));
        return isStarting ? started.promise : Promise.resolve();
      },
    },
    {
      env: {
        HTTP_PORT: '0',
        BIGQUERY_PROJECT: 'orderstream-local',
        PUBSUB_PROJECT: 'orderstream-local',
        ADMIN_TOKENS: tokens,
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_SASL_USERNAME: 'orderstream',
        KAFKA_SASL_PASSWORD: SASL_PASSWORD,
      },
      host,
      logger: createLogger({ service: definition.name, level: 'trace', destination }),
    },
  );
  const failed = host.exited.promise.then((code): never => {
    throw new Error(`${definition.name} exited with ${String(code)} before it listened: ${host.written}`);
  });
  const url = await Promise.race([destination.url(), failed]);
  failed.catch(() => undefined);
  if (!isStarting) await running;
  return {
    url,
    log: () => JSON.stringify(destination.lines) + host.written,
    stop: async () => {
      host.emit('SIGTERM', 'SIGTERM');
      await host.exited.promise;
      started.resolve(undefined);
      await running;
    },
  };
}

async function documentOf(url: string): Promise<OpenApiDocument> {
  const { body } = await request(url).get('/admin/docs').set('Authorization', `Bearer ${OPERATOR}`).expect(200);
  return body as OpenApiDocument;
}

function documentedProblems({ paths }: OpenApiDocument): Problems {
  const problems: Problems = new Map();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(operations)) {
      const statuses = Object.keys(responses).map(Number);
      problems.set(`${method} ${path}`, new Set(statuses.filter((status) => status >= 400)));
    }
  }
  return problems;
}

function examplesOf({ paths }: OpenApiDocument): Examples {
  const examples: Examples = new Map();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
      const { examples: bodies = {} } = requestBody?.content['application/json'] ?? {};
      const [body] = Object.values(bodies);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      examples.set(`${method} ${path}`, {
        path: inPath.reduce(
          (filled, { name, example, schema }) =>
            filled.replace(`{${name}}`, String(example ?? schema?.example ?? schema?.enum?.[0])),
          path,
        ),
        body: JSON.stringify(body?.value ?? {}),
      });
    }
  }
  return examples;
}

/** A request that is sent to each endpoint. */
interface Provocation {
  readonly token?: string;
  /** `example`: a valid one. */
  readonly body?: string;
  /** With the examples of the document in place of its parameters. */
  readonly isFilled?: boolean;
  readonly ifMatch?: string;
  readonly type?: string;
  /** Of a header that no endpoint reads. */
  readonly headerBytes?: number;
  /** In place of each parameter of the path. */
  readonly parameter?: string;
  readonly repeat?: number;
  /** From the last endpoint to the first. */
  readonly isReversed?: boolean;
}

/** In each situation, the requests are sent to every endpoint. A body is sent to commands only. */
const WITHOUT_FAULT: Variant = {};
const SITUATIONS: readonly (readonly [Variant, readonly Provocation[]])[] = [
  [
    WITHOUT_FAULT,
    [
      {},
      { token: VIEWER },
      { token: OPERATOR, body: 'example', isFilled: true, ifMatch: '"999"' },
      { token: OPERATOR, body: 'example', isFilled: true },
      { token: OPERATOR, body: 'example' },
      { token: OPERATOR, body: 'example', ifMatch: '"999"' },
      { token: OPERATOR },
      { token: OPERATOR, body: '{"' },
      { token: OPERATOR, body: `{"x":"${'x'.repeat(70_000)}"}` },
      { token: OPERATOR, body: '{}', type: 'application/json; charset=latin1' },
      { token: OPERATOR, body: '{}', type: 'text/plain' },
      { token: VIEWER, parameter: '%E0%A4%A' },
      { headerBytes: 20_000 },
      { token: 'unknown-token', repeat: 1 + FAILURES_UNTIL_BLOCKED },
    ],
  ],
  // A service may have more endpoints than failures that it takes from one address.
  [{}, [{ isReversed: true }]],
  [{ tokens: '' }, [{ token: OPERATOR }]],
  [{ isStarting: true }, [{ token: OPERATOR, body: '{}' }]],
  [{ hasFailed: true }, [{ token: OPERATOR, body: '{}' }]],
  [{ isBare: true }, [{ token: OPERATOR }]],
];

/** Sends a request to each of the endpoints and notes the problems that are answered. */
async function provoke(
  url: string,
  {
    token,
    body: given,
    isFilled = false,
    ifMatch,
    type = 'application/json',
    parameter,
    headerBytes,
    repeat = 1,
    isReversed = false,
  }: Provocation,
  examples: Examples,
  to: Problems,
) {
  for (const [operation, statuses] of isReversed ? [...to].reverse() : to) {
    const [method, template = ''] = operation.split(' ');
    if (method === 'get' && given !== undefined) continue;
    const example = examples.get(operation);
    const filled = isFilled ? (example?.path ?? template) : template;
    const path = parameter === undefined ? filled : filled.replaceAll(/\{\w+\}/g, parameter);
    const body = given === 'example' ? example?.body : given;
    for (let attempt = 0; attempt < repeat; attempt++) {
      const call = request(url)[method as 'get' | 'post' | 'put'](path);
      if (token !== undefined) void call.set('Authorization', `Bearer ${token}`);
      if (headerBytes !== undefined) void call.set('X-Large', 'x'.repeat(headerBytes));
      if (ifMatch !== undefined) void call.set('If-Match', ifMatch);
      const answer = await (body === undefined ? call : call.set('Content-Type', type).send(body));
      if (answer.status < 400) continue;
      statuses.add(answer.status);
      expect([operation, answer.type, answer.body]).toEqual([
        operation,
        'application/problem+json',
        expect.objectContaining({
          type: expect.stringMatching(/^urn:orderstream:problem:[a-z-]+$/) as string,
          status: answer.status,
          detail: expect.stringMatching(/\w{3}/) as string,
        }),
      ]);
    }
  }
}

/** What only this service answers. */
export interface OwnProblems {
  /** Requests by the operation whose problem they provoke: `get /admin/dead-letters`. */
  readonly provoked?: readonly { readonly operation: string; readonly path: string; readonly token: string }[];
  /** Problems that need more than a service without its broker. Other specs of the service provoke them. */
  readonly elsewhere?: Readonly<Record<string, readonly number[]>>;
}

/**
 * Walks the OpenAPI document of a service, provokes each problem of each endpoint, and compares the answers with the
 * document: what is documented is answered, and what is answered is documented.
 */
export function documentsItsProblems<T extends { readonly service: ServiceSettings }>(
  definition: ServiceDefinition<T>,
  { provoked = [], elsewhere = {} }: OwnProblems = {},
): void {
  it(
    `${definition.name} documents every problem that its /admin answers, and no other, and logs no secret`,
    async () => {
      const documented: Problems = new Map();
      const answered: Problems = new Map();
      const examples: Examples = new Map();
      for (const [variant, provocations] of SITUATIONS) {
        const service = await run(definition, variant);
        let document = documented;
        if (variant.tokens !== '') {
          const openApi = await documentOf(service.url);
          document = documentedProblems(openApi);
          for (const [operation, example] of examplesOf(openApi)) examples.set(operation, example);
        }
        for (const [operation, statuses] of document) {
          if (!documented.has(operation)) documented.set(operation, statuses);
          if (!answered.has(operation)) answered.set(operation, new Set());
        }
        const endpoints = new Map([...answered].filter(([operation]) => document.has(operation)));
        for (const provocation of provocations) await provoke(service.url, provocation, examples, endpoints);
        if (variant === WITHOUT_FAULT) {
          for (const { operation, path, token } of provoked) {
            const { status } = await request(service.url).get(path).set('Authorization', `Bearer ${token}`);
            answered.get(operation)?.add(status);
          }
        }
        await service.stop();
        const log = service.log();
        expect(log).toContain('"level"');
        for (const secret of SECRETS) expect(log).not.toContain(secret);
      }
      for (const [operation, statuses] of Object.entries(elsewhere)) {
        for (const status of statuses) answered.get(operation)?.add(status);
      }
      expect(documented.size).toBeGreaterThanOrEqual(3);
      expect(sorted(answered)).toEqual(sorted(documented));
    },
    SUITE_TIMEOUT_MS,
  );
}

const sorted = (problems: Problems): Readonly<Record<string, readonly number[]>> =>
  Object.fromEntries([...problems].map(([operation, statuses]) => [operation, [...statuses].sort((a, b) => a - b)]));
