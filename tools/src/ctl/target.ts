import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type Endpoint } from './api/admin-client';
import { parseJson } from './api/problem';
import { type CtlSettings } from './ctl.config';
import { UnreachableError, UsageError } from './errors';

/** The services with an admin API, in the order of the flow. */
export const SERVICES = ['order-generator', 'validator', 'bq-sink', 'pubsub-bridge'] as const;

const CONSOLE = 'console';

/** What this command uses of `.local/stack.json`. */
const stackSchema = z.looseObject({
  console: z.looseObject({ url: z.string() }).optional(),
  services: z.record(z.string(), z.looseObject({ url: z.string() })),
  tokens: z.looseObject({ operator: z.string() }),
});

/** The addresses that a command may ask, and the token for them. */
export interface Target {
  console(): Endpoint;
  /** @throws UsageError if its address is not known */
  service(name: string): Endpoint;
}

/**
 * The stack that the settings name, or the running local one. The token of the local stack is never sent to an address that
 * is not the local stack's.
 *
 * @throws UsageError for an address without a token; UnreachableError if no local stack runs
 */
export function findTarget({ url, token, serviceUrls, home }: CtlSettings): Target {
  if (url === undefined && serviceUrls === undefined) return localTarget(stackFileOf(home), token);
  if (token === undefined) {
    throw new UsageError(
      'An address of your own needs a token: --token-file <path>, or ORDERSTREAM_TOKEN_FILE. ' +
        'Without --url and --service-url, the running local stack is used with its own token.',
    );
  }
  const services = new Map((serviceUrls ?? []).map(splitPair));
  return {
    console: () => {
      if (url === undefined) throw new UsageError('The address of the console is needed: --url, or ORDERSTREAM_URL.');
      return { name: 'the console', url, token };
    },
    service: (name) => {
      const found = services.get(name);
      if (found === undefined) {
        throw new UsageError(
          `The address of ${name} is needed: --service-url ${name}=<url>, or ORDERSTREAM_SERVICE_URLS.`,
        );
      }
      return { name, url: found, token };
    },
  };
}

function localTarget(path: string, given: string | undefined): Target {
  if (!existsSync(path)) {
    throw new UnreachableError(
      `No stack is running here (${path} does not exist). Start one with npm start, or give the address of another with --url and --token-file.`,
    );
  }
  const parsed = stackSchema.safeParse(parseJson(readFileSync(path, 'utf8')));
  if (!parsed.success)
    throw new UnreachableError(
      `${path} is not readable as the file of a running stack. Start the stack again: npm start.`,
    );
  const { console: consoleAt, services, tokens } = parsed.data;
  const token = given ?? tokens.operator;
  return {
    console: () => {
      const url = consoleAt?.url ?? services[CONSOLE]?.url;
      if (url === undefined) throw notThere(path, 'console');
      return { name: 'the console', url, token };
    },
    service: (name) => {
      const found = services[name];
      if (found === undefined) throw notThere(path, name);
      return { name, url: found.url, token };
    },
  };
}

/** Some services start behind the others. */
const notThere = (path: string, name: string): UnreachableError =>
  new UnreachableError(
    `The stack of ${path} has no ${name} yet. npm start says when it is ready, or why it did not start.`,
  );

function stackFileOf(home: string | undefined): string {
  return join(home === undefined ? join(repositoryRoot(), '.local') : resolve(home), 'stack.json');
}

/** The nearest folder above this program with a `nest-cli.json`. The barrel of dev has the same; loading it takes 0.8 s. */
export function repositoryRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'nest-cli.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no nest-cli.json above ${__dirname}`);
    folder = parent;
  }
  return folder;
}

/** `name=value`, split at the first `=`. */
export function splitPair(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
