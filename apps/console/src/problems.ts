import { HttpStatus } from '@nestjs/common';
import { ProblemException, problemUri } from '@orderstream/service';

/** Every problem type of the console's own endpoints: its status, and when it is answered. docs/console.md lists them. */
export const CONSOLE_PROBLEMS = {
  'cursor-rejected': [HttpStatus.BAD_REQUEST, 'The cursor is damaged, or of a list with another filter or order.'],
  'filter-rejected': [HttpStatus.BAD_REQUEST, 'The filter contradicts itself, or names something that does not exist.'],
  'field-masked': [HttpStatus.FORBIDDEN, 'A viewer filters by a field that is masked for viewers.'],
  'letter-unknown': [HttpStatus.NOT_FOUND, 'No dead letter has this id, or retention has deleted it.'],
  'filter-too-wide': [
    HttpStatus.UNPROCESSABLE_ENTITY,
    'Groups of a filter by key or field would need to read more letters than one request may.',
  ],
  'plan-unknown': [HttpStatus.NOT_FOUND, 'No replay plan has this id.'],
  'plan-invalid': [
    HttpStatus.UNPROCESSABLE_ENTITY,
    'The plan cannot be carried out: its topic, its filter or its edit is invalid. `errors` has each problem.',
  ],
  'plan-state': [HttpStatus.CONFLICT, 'The state of the plan does not allow the command.'],
  'plan-too-large': [HttpStatus.UNPROCESSABLE_ENTITY, 'The plan chooses more letters than one plan may have.'],
  'topic-missing': [HttpStatus.CONFLICT, 'A topic that the plan reads or returns to does not exist.'],
  'revision-required': [HttpStatus.PRECONDITION_REQUIRED, 'The command needs If-Match with the ETag of the plan.'],
  'revision-stale': [HttpStatus.PRECONDITION_FAILED, 'The plan has changed since it was read.'],
  'condition-invalid': [HttpStatus.BAD_REQUEST, 'If-Match is not one ETag of a plan.'],
  'idempotency-key-required': [HttpStatus.BAD_REQUEST, 'The Idempotency-Key is missing or invalid.'],
  'idempotency-key-reused': [HttpStatus.UNPROCESSABLE_ENTITY, 'The Idempotency-Key has been used for another request.'],
  'audit-unavailable': [HttpStatus.SERVICE_UNAVAILABLE, 'The topic of the audit cannot be read now.'],
  'erasure-unknown': [HttpStatus.NOT_FOUND, 'No erasure has this id.'],
  'erasures-unavailable': [HttpStatus.SERVICE_UNAVAILABLE, 'The erasures cannot be read or written now.'],
  'too-many-erasures': [HttpStatus.SERVICE_UNAVAILABLE, 'As many erasures run as the console takes.'],
  'too-many-streams': [HttpStatus.SERVICE_UNAVAILABLE, 'As many event streams are open as the console serves.'],
} as const satisfies Readonly<Record<string, readonly [HttpStatus, string]>>;

export type ConsoleProblemType = keyof typeof CONSOLE_PROBLEMS;

/** A request that the console rejects. The name becomes the `type` of the problem. */
export class ConsoleProblem extends ProblemException {
  constructor(name: ConsoleProblemType, detail: string, more: Pick<ProblemException['members'], 'errors'> = {}) {
    super(CONSOLE_PROBLEMS[name][0], detail, { type: name, ...more });
  }
}

/** For `ApiProblems`: these answers, and those of the types, by status. */
export function withProblems(
  answers: Readonly<Record<number, string>>,
  ...names: readonly ConsoleProblemType[]
): Readonly<Record<number, string>> {
  const all: Record<number, string> = { ...answers };
  for (const [status, text] of Object.entries(problemAnswers(...names))) {
    const before = all[Number(status)];
    all[Number(status)] = before === undefined ? text : `${before} ${text}`;
  }
  return all;
}

/** For `ApiProblems`: the answers of these types, by status. */
function problemAnswers(...names: readonly ConsoleProblemType[]): Readonly<Record<number, string>> {
  const answers: Record<number, string> = {};
  for (const name of names) {
    const [status, when] = CONSOLE_PROBLEMS[name];
    const text = `\`${problemUri(name)}\`: ${when}`;
    answers[status] = answers[status] === undefined ? text : `${answers[status]} ${text}`;
  }
  return answers;
}
