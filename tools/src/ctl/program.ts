import { Command, Option } from 'commander';
import { duration, httpUrl, pairs } from './arguments';
import { addAudit } from './commands/audit';
import { addBreaker } from './commands/breaker';
import { addCompletion } from './commands/completion';
import { addDeadLetters } from './commands/dead-letters';
import { addErase } from './commands/erase';
import { addGenerator } from './commands/generator';
import { addOverview } from './commands/overview';
import { addPause } from './commands/pause';
import { addReplay } from './commands/replay';
import { addRules } from './commands/rules';
import { addRuns } from './commands/runs';
import { EXIT_CODES } from './exit-codes';
import { type Runtime } from './session';

export const DEFAULT_TIMEOUT = '30s';

/** The options of every command. */
export interface GlobalOptions {
  readonly url?: string;
  readonly serviceUrl?: readonly string[];
  readonly tokenFile?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

/** Each adds its commands, in the order of the help. */
const COMMANDS = [
  addOverview,
  addDeadLetters,
  addReplay,
  addPause,
  addGenerator,
  addRules,
  addBreaker,
  addRuns,
  addAudit,
  addErase,
  addCompletion,
] satisfies readonly ((program: Command, runtime: Runtime) => void)[];

const EXAMPLES = `
Examples:
  npm run -s ctl -- overview
  npm run -s ctl -- dead-letters groups --from 2h
  npm run -s ctl -- replay create --topic <dead-letter topic> --fingerprint <fingerprint> --preview
  npm run -s ctl -- replay start <plan> --watch
  npm run -s ctl -- pause validator --for 10m
  npm run -s ctl -- overview --json | jq .services`;

/** The whole command tree. Help, completion and docs/ctl.md come from it. */
export function buildProgram(runtime: Runtime): Command {
  const program = new Command('ctl')
    .description('Operates Orderstream: its services, dead letters, replays, rules and batch runs.')
    .option('--url <url>', 'address of the console (default: the running local stack)', httpUrl)
    .option('--service-url <service=url>', 'address of a service, for commands that ask one; can be repeated', pairs)
    .option('--token-file <path>', 'file with the bearer token; needed with an address of your own')
    .option('--json', 'print one JSON document, for programs')
    .addOption(
      new Option('--timeout <duration>', `deadline of each request (default: ${DEFAULT_TIMEOUT})`).argParser(duration),
    )
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', () => `${EXAMPLES}\n\n${exitCodesText()}`)
    .helpCommand('help [command]', 'describe a command')
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const add of COMMANDS) add(program, runtime);
  return program;
}

function exitCodesText(): string {
  const lines = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}
