import { fileVariable, type Setting } from './setting';
import { settingsIn, type SettingsSpec } from './settings-spec';

/** The settings of each service by its name, in the order of the documents. */
export type ServiceSpecs = Readonly<Record<string, SettingsSpec<never>>>;

/** One variable, with the setting of each service that reads it. */
interface Variable {
  readonly setting: Setting<unknown>;
  readonly byService: ReadonlyMap<string, Setting<unknown>>;
}

/** Renders `docs/configuration.md`: every variable of every service. */
export function renderConfigurationDoc(services: ServiceSpecs): string {
  const variables = variablesOf(services);
  const shared = variables.filter(({ byService }) => byService.size > 1);
  const own = (service: string): readonly Variable[] =>
    variables.filter(({ byService }) => byService.size === 1 && byService.has(service));
  return [
    '# Configuration',
    'Generated from the code by `npm run generate`; do not edit.',
    'A service is configured by environment variables only. It reads them once, when it starts. A variable that is unset ' +
      'or empty has its default. If a value is invalid, the service exits with code 2 and lists every invalid variable with ' +
      'what was expected and its default, never the value. Secrets are marked; they are not written to logs or to this page.',
    'Each secret can also be read from a file, such as a mounted secret: the variable with `_FILE` at its end has the path. ' +
      'Line breaks at the end of the file are ignored. If the file does not exist, cannot be read or is empty, or if both ' +
      'variables are set, the service exits with code 2 and names the variable.',
    '[`.env.example`](../.env.example) lists the same variables, ready to copy: ' +
      '`node --env-file=.env dist/apps/<service>/src/main.js`.',
    '## Shared by several services',
    table(shared, services),
    ...Object.keys(services).flatMap((service) => {
      const ownVariables = own(service);
      const alsoShared = shared.filter(
        ({ byService }) => byService.has(service) && byService.size < Object.keys(services).length,
      );
      return [
        `## ${service}`,
        alsoShared.length === 0
          ? ''
          : `Also reads, from the table above: ${alsoShared.map(({ setting }) => `\`${setting.env}\``).join(', ')}.`,
        ownVariables.length === 0 ? 'No other variables.' : table(ownVariables),
      ];
    }),
  ]
    .filter((block) => block !== '')
    .join('\n\n')
    .concat('\n');
}

/** Renders `.env.example`: every variable with its description, commented out if it has a default or may be unset. */
export function renderEnvExample(services: ServiceSpecs): string {
  const blocks = variablesOf(services).map(({ setting, byService }) => {
    const value = sameForAll(byService) && !setting.secret ? (setting.default ?? '') : '';
    const file = fileVariable(setting);
    const required = setting.default === undefined && !setting.optional;
    return [
      ...comment(`${setting.description} Read by ${readers(byService, services)}.`),
      ...comment(`Expected: ${setting.expected}.`),
      ...(sameForAll(byService) ? [] : comment(`Default: ${defaults(byService)}.`)),
      `${required ? '' : '#'}${setting.env}=${value}`,
      ...(file === undefined ? [] : [`# Or the path of a file that contains it.`, `#${file}=`]),
    ].join('\n');
  });
  return [
    '# Generated from the code by `npm run generate`; the reference is docs/configuration.md.\n' +
      '# Copy it to .env, uncomment and change the variables that need another value, and run one service alone:\n' +
      '#   npm run build && node --env-file=.env dist/apps/<service>/src/main.js',
    ...blocks,
  ]
    .join('\n\n')
    .concat('\n');
}

function variablesOf(services: ServiceSpecs): readonly Variable[] {
  const found = new Map<string, { setting: Setting<unknown>; byService: Map<string, Setting<unknown>> }>();
  for (const [service, spec] of Object.entries(services)) {
    for (const setting of settingsIn(spec)) {
      const variable = found.get(setting.env) ?? { setting, byService: new Map<string, Setting<unknown>>() };
      if (variable.setting.expected !== setting.expected || variable.setting.secret !== setting.secret) {
        throw new TypeError(`${setting.env} means different things to different services`);
      }
      variable.byService.set(service, setting);
      found.set(setting.env, variable);
    }
  }
  return [...found.values()];
}

/** @param services adds a column with the services that read the variable */
function table(variables: readonly Variable[], services?: ServiceSpecs): string {
  const rows = variables.map(({ setting, byService }) => [
    names(setting),
    setting.description,
    setting.expected,
    defaults(byService),
    ...(services === undefined ? [] : [readers(byService, services)]),
  ]);
  const head = ['variable', 'description', 'expected', 'default', ...(services === undefined ? [] : ['read by'])];
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function names(setting: Setting<unknown>): string {
  const file = fileVariable(setting);
  return file === undefined ? `\`${setting.env}\`` : `\`${setting.env}\` (secret), or \`${file}\``;
}

function readers(byService: Variable['byService'], services: ServiceSpecs): string {
  return byService.size === Object.keys(services).length ? 'every service' : [...byService.keys()].join(', ');
}

function sameForAll(byService: Variable['byService']): boolean {
  return new Set([...byService.values()].map(oneDefault)).size === 1;
}

function defaults(byService: Variable['byService']): string {
  const texts = [...byService].map(([service, setting]): [string, string] => [service, oneDefault(setting)]);
  return sameForAll(byService)
    ? (texts[0]?.[1] ?? '')
    : texts.map(([service, text]) => `${text} (${service})`).join(', ');
}

function oneDefault({ default: text, optional, secret }: Setting<unknown>): string {
  if (text === undefined) return optional ? 'unset' : '**required**';
  return secret ? 'none' : `\`${text}\``;
}

/** The lines of a comment in an environment file, without Markdown's backticks. */
function comment(text: string): readonly string[] {
  return wrap(text.replaceAll('`', ''), 116).map((line) => `# ${line}`);
}

/** Breaks a text into lines of at most `width` characters, at spaces. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
