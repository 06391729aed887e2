import { ConfigError } from './config-error';
import { readSecretFile, type SecretFile } from './secret-file';
import { fileVariable, type Setting } from './setting';

type Shape = Readonly<Record<string, Setting<unknown> | SettingsSpec<unknown>>>;

type ValueOf<S> = S extends Setting<infer T> ? T : S extends SettingsSpec<infer T> ? T : never;
type ValuesOf<S extends Shape> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** A group of settings, nested like the object that `loadSettings` returns. */
export interface SettingsSpec<T> {
  readonly kind: 'spec';
  readonly entries: Shape;
  /** Problems of several settings together. Each names its variables, never a value. */
  problemsOf(this: void, values: T): readonly string[];
}

/** The type that `loadSettings` returns for a spec. */
export type SettingsOf<S> = S extends SettingsSpec<infer T> ? T : never;

/** All settings of a spec and its nested groups, in the order of their definition. */
export function settingsIn(spec: SettingsSpec<never>): readonly Setting<unknown>[] {
  return Object.values(spec.entries).flatMap((entry) => (entry.kind === 'setting' ? [entry] : settingsIn(entry)));
}

/**
 * Groups settings.
 *
 * @param problemsOf checks the values together, after each of them was found valid
 * @throws TypeError when a default is rejected by its own parser, or a variable is defined twice
 */
export function defineSettings<S extends Shape>(
  entries: S,
  problemsOf: (values: ValuesOf<S>) => readonly string[] = () => [],
): SettingsSpec<ValuesOf<S>> {
  const spec: SettingsSpec<ValuesOf<S>> = { kind: 'spec', entries, problemsOf };
  const seen = new Set<string>();
  for (const setting of settingsIn(spec)) {
    const { env, default: text, parse } = setting;
    for (const name of [env, fileVariable(setting)]) {
      if (name === undefined) continue;
      if (seen.has(name)) throw new TypeError(`${name} is defined twice`);
      seen.add(name);
    }
    if (text !== undefined && parse(text) === undefined) throw new TypeError(`${env} has a default that it rejects`);
  }
  return spec;
}

/** The same settings with other defaults by variable: `withDefaults(serviceSettings, { HTTP_PORT: '3002' })`. */
export function withDefaults<T>(spec: SettingsSpec<T>, defaults: Readonly<Record<string, string>>): SettingsSpec<T> {
  const known = new Set(settingsIn(spec).map(({ env }) => env));
  const unknown = Object.keys(defaults).filter((env) => !known.has(env));
  if (unknown.length > 0) throw new TypeError(`no such setting: ${unknown.join(', ')}`);
  const change = (group: Shape): Shape =>
    Object.fromEntries(
      Object.entries(group).map(([name, entry]): [string, Shape[string]] => {
        if (entry.kind === 'spec') return [name, { ...entry, entries: change(entry.entries) }];
        const text = defaults[entry.env];
        if (text === undefined) return [name, entry];
        if (entry.parse(text) === undefined) throw new TypeError(`${entry.env} has a default that it rejects`);
        return [name, { ...entry, default: text }];
      }),
    );
  return { ...spec, entries: change(spec.entries) };
}

/** Where settings are read from. */
interface Source {
  readonly env: NodeJS.ProcessEnv;
  readonly readFile: (path: string) => SecretFile;
}

/**
 * Reads the settings from the environment, and secrets also from the files that it names. A variable that is unset or
 * empty has its default.
 *
 * @param readFile reads a file of a secret; tests replace it
 * @throws ConfigError with all problems: the variable, what was expected and the default, never the value
 */
export function loadSettings<T>(
  spec: SettingsSpec<T>,
  env: NodeJS.ProcessEnv = process.env,
  readFile: Source['readFile'] = readSecretFile,
): T {
  const problems: string[] = [];
  const values = read(spec, { env, readFile }, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return values as T;
}

function read(spec: SettingsSpec<never>, source: Source, problems: string[]): unknown {
  const before = problems.length;
  const values = Object.fromEntries(
    Object.entries(spec.entries).map(([name, entry]) => [
      name,
      entry.kind === 'spec' ? read(entry, source, problems) : readOne(entry, source, problems),
    ]),
  );
  if (problems.length === before) problems.push(...spec.problemsOf(values as never));
  return values;
}

function readOne(entry: Setting<unknown>, source: Source, problems: string[]): unknown {
  const given = valueOf(entry.env, source.env);
  const file = fileVariable(entry);
  const path = file === undefined ? undefined : valueOf(file, source.env);
  if (file !== undefined && path !== undefined) {
    if (given !== undefined) {
      problems.push(`${entry.env} and ${file} are both set: set one of them`);
      return undefined;
    }
    const content = source.readFile(path);
    if ('problem' in content) {
      problems.push(`${file} is invalid: the file that it names ${content.problem}`);
      return undefined;
    }
    return parseOne(entry, content.text, `${file} is invalid: the file that it names must contain`, problems);
  }
  const text = given ?? entry.default;
  if (text === undefined) {
    if (!entry.optional) problems.push(`${entry.env} is not set: expected ${entry.expected} (it has no default)`);
    return undefined;
  }
  return parseOne(entry, text, `${entry.env} is invalid: expected`, problems);
}

/** @param complaint is followed by what was expected */
function parseOne(entry: Setting<unknown>, text: string, complaint: string, problems: string[]): unknown {
  const parsed = entry.parse(text);
  if (parsed === undefined) problems.push(`${complaint} ${entry.expected} (${defaultText(entry)})`);
  return parsed?.value;
}

/** Undefined when the variable is unset or empty. */
function valueOf(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function defaultText({ default: text, secret, optional }: Setting<unknown>): string {
  if (text === undefined) return optional ? 'it may be unset' : 'it has no default';
  return secret ? 'it has a default' : `default: ${text}`;
}
