import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
  'unsupported_method',
  'allow_header_conformance',
];
const SEED = 20_260_301;
/** The failures and the summary are at the end. */
const MAX_LINES = 150;
const MAX_LINE_CHARACTERS = 500;

export interface ApiTest {
  /** Names the files of the test. */
  readonly name: string;
  /** The OpenAPI document of the service. */
  readonly document: object;
  readonly url: string;
  /** Undefined: without a token. */
  readonly token: string | undefined;
  /** Requests that are generated for each endpoint, beside the examples and the bounds of its parameters. */
  readonly maxExamples: number;
  /** The end of the test, in any case. */
  readonly deadlineMs: number;
}

/**
 * Sends what the document allows, and what it does not, and compares each answer with the document.
 *
 * @throws with what was found
 */
export async function runSchemathesis(folder: string, test: ApiTest): Promise<void> {
  const program = process.env.SCHEMATHESIS;
  if (program === undefined) throw new Error('SCHEMATHESIS is not set: run the test with npm run test:api');
  mkdirSync(folder, { recursive: true });
  const document = join(folder, `${test.name}.json`);
  writeFileSync(document, JSON.stringify(test.document));
  const args = [
    'run',
    document,
    ...['--url', test.url],
    ...['--checks', CHECKS.join(',')],
    // Without the phase that follows links: it has no seed of its own, and calls what the others have called.
    ...['--phases', 'examples,coverage,fuzzing'],
    ...['--max-examples', String(test.maxExamples)],
    ...['--seed', String(SEED)],
    ...['--generation-database', 'none'],
    // The token is given, or there is none: both are what is tested.
    ...['--generation-with-security-parameters', 'false'],
    ...['--request-timeout', '20'],
    ...['--suppress-health-check', 'all'],
    ...['--warnings', 'off'],
    '--continue-on-failure',
    ...(test.token === undefined ? [] : ['--header', `Authorization: Bearer ${test.token}`]),
  ];
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: test.deadlineMs,
  });
  let output = '';
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  const ended = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  const log = join(folder, `${test.name}.log`);
  writeFileSync(log, output);
  if (ended === 0) return;
  const lines = output.split('\n').map((line) => line.slice(0, MAX_LINE_CHARACTERS));
  throw new Error(`schemathesis ended with ${String(ended)} (${log}):\n${lines.slice(-MAX_LINES).join('\n')}`);
}
