import { HttpStatus } from '@nestjs/common';
import { ProblemException } from '@orderstream/service';

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
} as const satisfies Readonly<Record<string, readonly [HttpStatus, string]>>;

export type ConsoleProblemType = keyof typeof CONSOLE_PROBLEMS;

/** The `type` of a problem: a name, not an address to open. */
export const problemTypeOf = (name: ConsoleProblemType): string => `urn:orderstream:problem:${name}`;

/** A request that the console rejects, with the `type` of the problem. */
export class ConsoleProblem extends ProblemException {
  constructor(name: ConsoleProblemType, detail: string) {
    const [status] = CONSOLE_PROBLEMS[name];
    const members: ProblemException['members'] & { readonly type: string } = { type: problemTypeOf(name) };
    super(status, detail, members);
  }
}

/** For `ApiProblems`: the answers of these types, by status. */
export function problemAnswers(...names: readonly ConsoleProblemType[]): Readonly<Record<number, string>> {
  const answers: Record<number, string> = {};
  for (const name of names) {
    const [status, when] = CONSOLE_PROBLEMS[name];
    const text = `\`${problemTypeOf(name)}\`: ${when}`;
    answers[status] = answers[status] === undefined ? text : `${answers[status]} ${text}`;
  }
  return answers;
}
