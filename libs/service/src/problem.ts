import { applyDecorators, HttpException, HttpStatus } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { type Response } from 'express';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/**
 * What kinds of problems there are, by their names in `type`. docs/admin-api.md explains each. A problem without a kind of
 * its own has that of its status.
 */
const PROBLEM_TYPES = {
  'invalid-request': 'The request, or its body, is not what the endpoint takes.',
  unauthenticated: 'The bearer token is missing or not known.',
  forbidden: 'The role of the token does not allow it.',
  'not-found': 'There is no such resource.',
  'method-not-allowed': 'The resource has no such method: the header Allow has those that it has.',
  'request-timeout': 'The request was not complete in time.',
  conflict: 'The service, or the resource, is in a state in which that is not possible.',
  failed: 'The service has failed: only a restart helps.',
  'revision-stale': 'Somebody has changed the resource since it was read.',
  'body-too-large': 'The body is larger than the service reads.',
  'unsupported-body': 'The body has a type, a charset or an encoding that the service does not read.',
  'revision-required': 'The change needs If-Match with the revision that it replaces.',
  'headers-too-large': 'The headers, with the address, are larger than the service reads.',
  'rate-limited': 'Too many failed authentications, from this address or in sum.',
  defect: 'An error that nothing foresees. The log of the service has it.',
  'not-implemented': 'This service does not have that.',
  unavailable: 'What the service needs does not answer.',
  'not-running': 'The service is starting or stopping.',
  'no-tokens': 'No tokens are configured.',
  'operator-log-unavailable':
    'Settings and audit cannot be written now. Nothing was changed, unless the detail says so.',
} as const;
type ProblemType = keyof typeof PROBLEM_TYPES;

const TYPE_OF_STATUS: Readonly<Record<number, ProblemType>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  408: 'request-timeout',
  409: 'conflict',
  412: 'revision-stale',
  413: 'body-too-large',
  415: 'unsupported-body',
  428: 'revision-required',
  429: 'rate-limited',
  431: 'headers-too-large',
  501: 'not-implemented',
  503: 'unavailable',
};

/** The URI of a kind of problem. An app has kinds of its own beside `PROBLEM_TYPES`. */
export const problemUri = (type: string): string => `urn:orderstream:problem:${type}`;

/** Why a request failed (RFC 9457, "Problem Details for HTTP APIs"). Every error of a service's HTTP server is one. */
export class Problem {
  @ApiProperty({
    description: `The kind of the problem: ${problemUri('…')} with ${Object.keys(PROBLEM_TYPES).join(', ')}, or a kind of the service's own.`,
    example: problemUri('conflict'),
  })
  readonly type: string;

  @ApiProperty({ description: 'The HTTP status.', example: 409 })
  readonly status: number;

  @ApiProperty({ description: 'The name of the status.', example: 'Conflict' })
  readonly title: string;

  @ApiProperty({
    description: 'What happened, and what to do.',
    example: 'The service has failed: emitter (failed). The command changed nothing: restart the service.',
  })
  readonly detail: string;

  @ApiPropertyOptional({ description: 'The error code.', example: 'PRODUCE_FAILED' })
  readonly code?: string;

  @ApiPropertyOptional({ description: 'The problems of the body, 20 at most.', type: [String] })
  readonly errors?: readonly string[];

  @ApiPropertyOptional({ description: 'The revision that the resource has.', type: 'integer', example: 12 })
  readonly revision?: number;

  @ApiPropertyOptional({
    description: 'The failing checks of `/health` that explain the answer, by name.',
    type: 'object',
    additionalProperties: true,
  })
  readonly checks?: Readonly<Record<string, unknown>>;
}

/** An error of a handler or interceptor that is answered with these problem details. */
export class ProblemException extends HttpException {
  constructor(
    status: HttpStatus,
    detail: string,
    /** `type` is the name of a kind, without the prefix of its URI. */
    readonly members: Partial<Pick<Problem, 'type' | 'code' | 'errors' | 'checks'>> = {},
  ) {
    super(detail, status);
  }
}

/** What is known of a problem. `type` is the name of its kind. */
export type ProblemDetails = Omit<Problem, 'title' | 'type'> & { readonly type?: string };

/** The problem with its type and its title. */
export const problemFor = ({ status, type = typeOf(status), ...rest }: ProblemDetails): Problem => ({
  type: problemUri(type),
  status,
  title: titleOf(status),
  ...rest,
});

export function sendProblem(response: Response, problem: ProblemDetails): void {
  response
    .status(problem.status)
    .type(PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(problemFor(problem)));
}

/** Documents the error answers of a handler, or of every handler of a controller. */
export function ApiProblems(answers: Readonly<Record<number, string>>): ClassDecorator & MethodDecorator {
  const content = { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: getSchemaPath(Problem) } } };
  return applyDecorators(
    ApiExtraModels(Problem),
    ...Object.entries(answers).map(([status, description]) =>
      ApiResponse({ status: Number(status), description, content }),
    ),
  );
}

const typeOf = (status: number): ProblemType =>
  TYPE_OF_STATUS[status] ?? (status >= 500 ? 'defect' : 'invalid-request');

/** `NOT_FOUND` -> `Not Found` */
function titleOf(status: number): string {
  const name = HttpStatus[status] ?? 'ERROR';
  return name
    .split('_')
    .map((part) => part.charAt(0) + part.slice(1).toLowerCase())
    .join(' ');
}
