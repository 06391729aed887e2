import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import { OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type Response } from 'express';
import { LOGGER } from './tokens';

/** The HTTP status for this error: 503 when a retry may help, 500 otherwise. */
export function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  return error instanceof OrderstreamError && error.retriable ? 503 : 500;
}

/** Answers a request that failed with an `OrderstreamError`: status, code and message. */
@Catch(OrderstreamError)
export class ErrorFilter implements ExceptionFilter<OrderstreamError> {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: OrderstreamError, host: ArgumentsHost): void {
    const statusCode = statusOf(error);
    this.logger.warn({ err: error, code: error.code }, 'request failed');
    host
      .switchToHttp()
      .getResponse<Response>()
      .status(statusCode)
      .json({ statusCode, code: error.code, message: error.message });
  }
}
