import { applyDecorators, HttpException, HttpStatus } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { type Response } from 'express';

const CONTENT_TYPE = 'application/problem+json';

/** Why a request failed (RFC 9457, "Problem Details for HTTP APIs"). Every error of a service's HTTP server is one. */
export class Problem {
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
    readonly members: Pick<Problem, 'code' | 'errors' | 'checks'> = {},
  ) {
    super(detail, status);
  }
}

export function sendProblem(response: Response, problem: Omit<Problem, 'title'>): void {
  const { status, ...rest } = problem;
  const body: Problem = { status, title: titleOf(status), ...rest };
  response.status(status).type(CONTENT_TYPE).send(JSON.stringify(body));
}

/** Documents the error answers of a handler, or of every handler of a controller. */
export function ApiProblems(answers: Readonly<Record<number, string>>): ClassDecorator & MethodDecorator {
  const content = { [CONTENT_TYPE]: { schema: { $ref: getSchemaPath(Problem) } } };
  return applyDecorators(
    ApiExtraModels(Problem),
    ...Object.entries(answers).map(([status, description]) =>
      ApiResponse({ status: Number(status), description, content }),
    ),
  );
}

/** `NOT_FOUND` -> `Not Found` */
function titleOf(status: number): string {
  const name = HttpStatus[status] ?? 'ERROR';
  return name
    .split('_')
    .map((part) => part.charAt(0) + part.slice(1).toLowerCase())
    .join(' ');
}
