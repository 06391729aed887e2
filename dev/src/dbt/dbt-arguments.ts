const LOCAL_TARGET = 'local';

/** Commands that write to the warehouse. Two of them at once would use the same temporary tables. */
const WRITES: ReadonlySet<string> = new Set(['build', 'run', 'snapshot', 'seed', 'run-operation', 'retry', 'clone']);
/** Commands that need no warehouse. */
const OFFLINE: ReadonlySet<string> = new Set(['parse', 'ls', 'list', 'clean', 'deps', '--help', '-h', '--version']);

/** What the runner has to know of the arguments of dbt. */
export interface DbtArguments {
  /** Whether the command talks to the emulator of the running stack. */
  readonly needsStack: boolean;
  readonly writes: boolean;
  /** `lint` or `fix`: run sqlfluff in place of dbt. */
  readonly lint: 'lint' | 'fix' | undefined;
}

/** Reads the arguments of `npm run dbt`. Options of dbt may come before its command. */
export function parseDbtArguments(args: readonly string[], env: NodeJS.ProcessEnv): DbtArguments {
  const [first] = args;
  const isOffline = args.length === 0 || args.some((arg) => OFFLINE.has(arg)) || isDocsServe(args);
  const isElsewhere = targetOf(args, env) !== LOCAL_TARGET || hasOwnProfiles(args, env);
  const hasEndpoint = env.ORDERSTREAM_DBT_API_ENDPOINT !== undefined;
  const lint = first === 'lint' || first === 'fix' ? first : undefined;
  return {
    needsStack: lint === undefined && !isOffline && !isElsewhere && !hasEndpoint,
    writes: lint === undefined && !isOffline && args.some((arg) => WRITES.has(arg)),
    lint,
  };
}

const isDocsServe = (args: readonly string[]): boolean => args[args.indexOf('docs') + 1] === 'serve';

function targetOf(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const index = args.findIndex((arg) => arg === '--target' || arg === '-t');
  const joined = args.find((arg) => arg.startsWith('--target='))?.slice('--target='.length);
  return joined ?? (index === -1 ? undefined : args[index + 1]) ?? env.DBT_TARGET ?? LOCAL_TARGET;
}

const hasOwnProfiles = (args: readonly string[], env: NodeJS.ProcessEnv): boolean =>
  env.DBT_PROFILES_DIR !== undefined || args.some((arg) => /^--profiles-dir(=|$)/.test(arg));
