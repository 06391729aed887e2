import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, HttpStatus, Inject } from '@nestjs/common';
import { OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type Request, type Response } from 'express';
import { OperatorLogError } from './operator-log/errors';
import { type ProblemDetails, ProblemException, sendProblem } from './problem';
import { requestIdOf } from './request-id';
import { RevisionStaleError } from './settings/revision-error';
import { LOGGER } from './tokens';

/** Most problems of a body that an answer lists. */
const MAX_ERRORS = 20;
const TOO_LARGE: number = HttpStatus.PAYLOAD_TOO_LARGE;

/** The HTTP status for this error: 412 for a stale revision, 503 when a retry may help, 500 otherwise. */
export function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof RevisionStaleError) return HttpStatus.PRECONDITION_FAILED;
  return error instanceof OrderstreamError && error.retriable ? 503 : 500;
}

/** Answers every failed request with problem details. An error that nothing foresees is logged, and not shown. */
@Catch()
export class ErrorFilter implements ExceptionFilter<unknown> {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const response = host.switchToHttp().getResponse<Response>();
    const problem = this.problemOf(error, requestIdOf(host.switchToHttp().getRequest<Request>()));
    // The answer has begun: it cannot be replaced.
    if (response.headersSent) response.end();
    else sendProblem(response, problem);
  }

  private problemOf(error: unknown, requestId: string): ProblemDetails {
    const status = statusOf(error);
    if (error instanceof ProblemException) return { status, detail: error.message, ...error.members };
    if (error instanceof HttpException) return { status, ...detailOf(error) };
    if (error instanceof RevisionStaleError) {
      return { status, detail: error.message, code: error.code, revision: error.current };
    }
    if (error instanceof OrderstreamError) {
      this.logger.warn({ err: error, code: error.code, requestId }, 'request failed');
      if (error instanceof OperatorLogError) {
        return { status, type: 'operator-log-unavailable', detail: error.message, code: error.code };
      }
      return { status, detail: error.message, code: error.code };
    }
    this.logger.error({ err: error, requestId }, 'request failed');
    return { status, detail: 'The request failed because of a defect. The log of the service has the error.' };
  }
}

/** Nest's validation reports its messages as an array. */
function detailOf(error: HttpException): Pick<ProblemDetails, 'detail' | 'errors'> {
  const body = error.getResponse();
  const message: unknown = typeof body === 'object' && 'message' in body ? body.message : undefined;
  if (error.getStatus() === TOO_LARGE) return { detail: 'The body is larger than 64 kB.' };
  if (!Array.isArray(message)) return { detail: error.message };
  const errors = message.slice(0, MAX_ERRORS).map(String);
  return { detail: `The request is invalid: ${errors[0] ?? error.message}`, errors };
}
