import { commandTree, type Node, type OptionWord } from './completion/command-tree';
import { ctlSettings } from './ctl.config';
import { EXIT_CODES } from './exit-codes';
import { buildProgram } from './program';

/** Renders docs/ctl.md from the command tree, the settings and the exit codes. */
export function renderCtlDoc(): string {
  const notRun = (): never => {
    throw new Error('no command is run');
  };
  const nodes = commandTree(buildProgram({ session: notRun, now: notRun }));
  const [root, ...commands] = nodes;
  const leaves = commands.filter((node) => node.commands.length === 0);
  return (
    [
      '# The command line',
      'Generated from the code by `npm run generate`; do not edit.',
      'Operators look at the running system and change it from a shell. It speaks HTTP with the console and the services, and nothing else. ' +
        'The local stack must have been built once (`npm start`).',
      INTRODUCTION,
      '## Find the system',
      'Without options, the command uses the running local stack, with the addresses and the operator token of `.local/stack.json`. ' +
        'Another system needs its address and a token of your own; the token of the local stack is never sent to it.',
      fence(
        'sh',
        'npm run -s ctl -- overview --url https://console.example --token-file ~/.orderstream-token\nnpm run -s ctl -- pause bq-sink --service-url bq-sink=https://bq-sink.example --token-file ~/.orderstream-token',
      ),
      table(
        ['variable', 'description'],
        Object.values(ctlSettings.entries).flatMap((entry) =>
          entry.kind === 'setting'
            ? [[`\`${entry.env}\`${entry.secret ? `, or \`${entry.env}_FILE\`` : ''}`, entry.description]]
            : [],
        ),
      ),
      'Options of every command:',
      optionTable(root?.options ?? []),
      '## Replay dead letters, step by step',
      REPLAY,
      '## Results and errors',
      RESULTS,
      table(
        ['exit code', 'meaning'],
        Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning]),
      ),
      '## Completion',
      'The script of your shell defines the command `ctl`, so that `npm run -s ctl --` need not be typed, and completes its commands, options and their values:',
      fence(
        'sh',
        'eval "$(npm run -s ctl -- completion bash)"      # zsh: the same with zsh, after compinit\nnpm run -s ctl -- completion fish | source',
      ),
      '## Commands',
      ...leaves.map(commandText),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  );
}

const INTRODUCTION = fence(
  'sh',
  `npm run -s ctl -- overview                     # every service: state, lag, rate, freshness
npm run -s ctl -- dead-letters groups          # why records were rejected, alike ones together
npm run -s ctl -- pause validator --for 10m    # every instance, also over a restart
npm run -s ctl -- replay create --help         # the options of one command`,
);

const REPLAY = `${fence(
  'sh',
  `ctl dead-letters groups --from 2h              # what failed; a fingerprint stands for one kind of failure
ctl dead-letters show <id>                     # one letter with its headers and its body
ctl replay create --topic <topic> --fingerprint <fingerprint> --rate 200 --canary 20 --preview
ctl replay start <plan> --watch                # asks; what was shown is what is started
ctl replay receipts <plan>                     # what happened to each letter`,
)}

\`start\` sends the revision that it has shown: a plan that someone changed meanwhile is not started. Without a terminal it needs \`--yes\`.
\`--watch\` follows the plan by server-sent events, or by asking each second where these do not work, and waits up to a minute for a console that
is restarted. Ctrl-C ends the watching, not the replay; \`ctl replay pause <plan>\` pauses it, and \`start\` goes on.

\`create\` sends an idempotency key. If no answer says whether the plan was made, it prints the key: with \`--idempotency-key <key>\` the repetition
cannot make a second plan.`;

const RESULTS = `Results go to standard output, everything else to standard error. People get tables, cut to the width of the terminal, without their less important columns if it is narrow;
control characters of records are shown as escapes. \`--json\` prints one JSON document: the answer of the server, lists with the pages that \`--limit\` needs put together. When a command with \`--json\` fails,
the document is \`{"problem": …, "exitCode": …}\`.

An error of the server is printed as its title, its detail and what to do. Commands that change a rule, the circuit breaker or a plan are conditional: if
someone else changed it after the command read it, nothing is changed, and the command says so. Every request has a deadline (\`--timeout\`); no request is sent twice.`;

function commandText(node: Node): string {
  const operands = node.arguments.map(({ name, required }) => (required ? ` <${name}>` : ` [${name}]`)).join('');
  return [
    `### \`ctl ${node.path}${operands}\``,
    `${node.description.charAt(0).toUpperCase()}${node.description.slice(1)}.`,
    ...(node.arguments.length === 0
      ? []
      : [
          table(
            ['argument', 'description'],
            node.arguments.map(({ name, description, choices }) => [`\`${name}\``, withChoices(description, choices)]),
          ),
        ]),
    ...(node.options.length === 0 ? [] : [optionTable(node.options)]),
  ].join('\n\n');
}

function optionTable(options: readonly OptionWord[]): string {
  return table(
    ['option', 'description'],
    options.map(({ flag, value, description, choices, defaultValue, required }) => [
      `\`${flag}${value === undefined ? '' : ` ${value}`}\``,
      withChoices(description, choices) +
        (required ? ' (required)' : defaultValue === undefined ? '' : ` (default: ${JSON.stringify(defaultValue)})`),
    ]),
  );
}

function withChoices(description: string, choices: readonly string[]): string {
  return choices.length === 0 ? description : `${description}: ${choices.map((choice) => `\`${choice}\``).join(', ')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escapedCell = (cell: string): string =>
    cell.replaceAll('|', '\\|').replaceAll(/<([\w-]+)>(?![^`]*`)/g, '`<$1>`');
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(escapedCell).join(' | ')} |`).join('\n');
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
