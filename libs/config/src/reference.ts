import { type Setting } from './setting';
import { settingsIn, type SettingsSpec } from './settings-spec';

/** The settings of each service, by its name, in the order in which they are to be described. */
export type ServiceSpecs = Readonly<Record<string, SettingsSpec<never>>>;

/** One variable, and what it is to each service that reads it. */
interface Variable {
  readonly setting: Setting<unknown>;
  readonly byService: ReadonlyMap<string, Setting<unknown>>;
}

/** `docs/configuration.md`: every variable of every service, as the code defines it. */
export function renderConfigurationDoc(services: ServiceSpecs): string {
  const variables = variablesOf(services);
  const shared = variables.filter(({ byService }) => byService.size > 1);
  const own = (service: string): readonly Variable[] =>
    variables.filter(({ byService }) => byService.size === 1 && byService.has(service));
  return [
    '# Configuration',
    'Generated from the code by `npm run generate`; do not edit.',
    'A service is configured by environment variables alone, read once at its start. A variable that is unset or empty ' +
      'takes its default. When any value is wrong the service exits with code 2 and names every such variable, what was ' +
      'expected and its default, never the value. Secrets are marked; they are not written to logs or to this page.',
    '[`.env.example`](../.env.example) lists the same variables for copying: ' +
      '`node --env-file=.env dist/apps/<service>/src/main.js`.',
    '## Shared by several services',
    table(shared, services),
    ...Object.keys(services).flatMap((service) => {
      const variablesOfIt = own(service);
      const alsoShared = shared.filter(
        ({ byService }) => byService.has(service) && byService.size < Object.keys(services).length,
      );
      return [
        `## ${service}`,
        alsoShared.length === 0
          ? ''
          : `Beside what every service reads, it reads from the table above: ${alsoShared.map(({ setting }) => `\`${setting.env}\``).join(', ')}.`,
        variablesOfIt.length === 0 ? 'It has no variables of its own.' : table(variablesOfIt),
      ];
    }),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

/** `.env.example`: every variable with its description, commented out where it has a default or may be left unset. */
export function renderEnvExample(services: ServiceSpecs): string {
  const blocks = variablesOf(services).map(({ setting, byService }) => {
    const value = sameForAll(byService) && !setting.secret ? (setting.default ?? '') : '';
    const required = setting.default === undefined && !setting.optional;
    return [
      ...comment(`${setting.description} Read by ${readers(byService, services)}.`),
      ...comment(`Expected: ${setting.expected}.`),
      ...(sameForAll(byService) ? [] : comment(`Default: ${defaults(byService)}.`)),
      `${required ? '' : '#'}${setting.env}=${value}`,
    ].join('\n');
  });
  return [
    '# Generated from the code by `npm run generate`; the reference is docs/configuration.md.\n' +
      '# Copy to .env, uncomment what differs from the default, and run one service alone:\n' +
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

/** @param services when given, a column tells which of them read the variable */
function table(variables: readonly Variable[], services?: ServiceSpecs): string {
  const rows = variables.map(({ setting, byService }) => [
    `\`${setting.env}\`${setting.secret ? ' (secret)' : ''}`,
    setting.description,
    setting.expected,
    defaults(byService),
    ...(services === undefined ? [] : [readers(byService, services)]),
  ]);
  const head = ['variable', 'what it is', 'expected', 'default', ...(services === undefined ? [] : ['read by'])];
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
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

/** Lines of a comment in an environment file, without the marks that are Markdown's. */
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
