import { join } from 'node:path';
import { type StackPaths } from '../paths';

declare const allowed: unique symbol;

/** The environment of a component's process. Only `componentEnv` creates it, so that no other variable gets in. */
export type ComponentEnv = NodeJS.ProcessEnv & { readonly [allowed]: true };

/**
 * What a program needs from its user to run at all. Nothing here changes what it does. Everything in the stack talks over
 * loopback, so proxies are left out: gRPC would use them.
 */
const INHERITED: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'TMP',
  'TEMP',
  'JAVA_HOME',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
]);
const INHERITED_PREFIX = 'LC_';

/** Where the services export traces: someone who traces the local run asks for it by this variable. */
const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
/** Which traces. Without an endpoint they are for other programs, and may have values that the services reject. */
const TRACES_SAMPLING: ReadonlySet<string> = new Set(['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG']);

/**
 * The environment that every component starts from: the few variables that programs need, those that turn on tracing, and what
 * the stack sets for all of them. Settings of the services and credentials of the user's shell (KAFKA_SSL, RULE_ACTIONS,
 * GOOGLE_APPLICATION_CREDENTIALS, NODE_OPTIONS, …) do not reach the stack.
 */
export function componentEnv(env: NodeJS.ProcessEnv, paths: Pick<StackPaths, 'installed'>): ComponentEnv {
  const hasEndpoint = (env[TRACES_ENDPOINT] ?? '') !== '';
  const inherited = Object.entries(env).filter(
    ([name]) =>
      INHERITED.has(name) ||
      name.startsWith(INHERITED_PREFIX) ||
      (hasEndpoint && (name === TRACES_ENDPOINT || TRACES_SAMPLING.has(name))),
  );
  const own: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    METADATA_SERVER_DETECTION: 'none',
    // Compiling takes a third of the start of a service. The cache is shared by all starts.
    NODE_COMPILE_CACHE: join(paths.installed, 'compiled'),
  };
  return own as ComponentEnv;
}
