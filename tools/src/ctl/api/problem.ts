import { z } from 'zod';

/** Problem details of an error answer (RFC 9457). */
const problemSchema = z.looseObject({
  status: z.number().optional(),
  type: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  code: z.string().optional(),
  errors: z.array(z.string()).optional(),
});
export type Problem = z.infer<typeof problemSchema> & { readonly status: number };

/** Most of an answer that is not problem details that is shown. */
const MAX_TEXT = 300;

/** The problem of an answer with an error status. A proxy may answer with something else: its first characters are the detail. */
export function problemOf(status: number, text: string): Problem {
  const parsed = problemSchema.safeParse(parseJson(text));
  if (parsed.success) return { ...parsed.data, status };
  return { status, title: `HTTP ${status}`, detail: text.slice(0, MAX_TEXT).trim() };
}

/** @returns undefined if the text is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What an operator does about a status, if the problem's detail does not say more. */
const NEXT_STEPS: Readonly<Record<number, string>> = {
  400: 'Correct the arguments; --help lists them.',
  401: 'Check the token: --token-file, ORDERSTREAM_TOKEN_FILE.',
  403: 'Use the token of an operator; a viewer only reads.',
  404: 'Check the id, and that the server is of the version of this command.',
  409: 'Look at the present state (replay status, overview), and decide again.',
  412: 'Someone else changed it meanwhile: look at it again, then repeat the command.',
  413: 'Send less at once.',
  422: 'Correct what the detail names, then repeat the command.',
  428: 'This command is older than the server: update it.',
  429: 'Wait a minute, then repeat the command with a valid token.',
  503: 'Repeat the command when the service is ready: ctl overview shows it.',
};

/** The same for some types of problems. */
const NEXT_STEPS_OF_TYPES: Readonly<Record<string, string>> = {
  'urn:orderstream:problem:idempotency-key-reused': 'Leave --idempotency-key out: the key is of another plan.',
  'urn:orderstream:problem:plan-state': 'Look at the plan: ctl replay status <plan>.',
  'urn:orderstream:problem:failed': 'Restart the service.',
  'urn:orderstream:problem:operator-log-unavailable':
    'Look whether it was changed before you repeat the command: what was sent may have taken effect.',
};

/** The lines that explain a problem to a person: title, detail, further errors, what to do. */
export function problemLines(problem: Problem): readonly string[] {
  const { status, title = `HTTP ${status}`, detail, code, type, errors = [] } = problem;
  const further = errors.filter((text) => !(detail ?? '').includes(text));
  const next =
    NEXT_STEPS_OF_TYPES[type ?? ''] ??
    NEXT_STEPS[status] ??
    (status >= 500 ? 'The log of the service has the cause.' : undefined);
  const kind = [String(status), code, type === 'about:blank' ? undefined : type].filter((part) => part !== undefined);
  return [
    `${title} (${kind.join(', ')})`,
    ...(detail === undefined || detail === '' ? [] : [detail]),
    ...further.map((text) => `  - ${text}`),
    ...(next === undefined ? [] : [`What to do: ${next}`]),
  ];
}
