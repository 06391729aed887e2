import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { type ServiceSettings } from '@orderstream/config';
import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { type NextFunction, type Request, type Response } from 'express';
import { setActor, TokenTable } from './actor';
import { AuthenticationLimiter } from './authentication-limiter';
import { sendProblem } from './problem';
import { requestIdOf } from './request-id';
import { LOGGER, METRICS, SETTINGS } from './tokens';

type RejectionReason = 'no_tokens_configured' | 'no_token' | 'unknown_token' | 'rate_limited';

/**
 * Rejects requests to `/admin` without a known bearer token, before their body is read. As a middleware of the whole path,
 * it also rejects requests to unknown paths, which a guard of the handlers would not see.
 *
 * The token is compared first, and only failures count and are limited: whatever others send from the same address, an
 * operator with a known token gets in. Tokens are random and long, so that unlimited comparisons find none.
 */
@Injectable()
export class Authentication implements NestMiddleware {
  private readonly tokens: TokenTable;
  private readonly limiter = new AuthenticationLimiter();

  constructor(
    @Inject(SETTINGS) settings: { readonly service: ServiceSettings },
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.tokens = new TokenTable(settings.service.adminTokens);
  }

  use(request: Request, response: Response, next: NextFunction): void {
    const token = /^Bearer ([\w.~+/-]{1,512}=*)$/i.exec(request.headers.authorization ?? '')?.[1];
    const actor = token === undefined ? undefined : this.tokens.find(token);
    if (actor !== undefined) {
      setActor(request, actor);
      next();
      return;
    }
    const blockedForMs = this.limiter.blockedForMs(request.socket.remoteAddress ?? 'unknown');
    if (blockedForMs > 0) {
      response.setHeader('Retry-After', Math.ceil(blockedForMs / 1_000));
      this.reject(
        request,
        response,
        429,
        'rate_limited',
        'Too many failed authentications, from this address or in sum.',
      );
      return;
    }
    if (this.tokens.isEmpty) {
      this.reject(request, response, 503, 'no_tokens_configured', 'No tokens are configured: set ADMIN_TOKENS.');
      return;
    }
    response.setHeader('WWW-Authenticate', 'Bearer realm="admin"');
    if (token === undefined) this.reject(request, response, 401, 'no_token', 'A bearer token is required.');
    else this.reject(request, response, 401, 'unknown_token', 'The bearer token is not known.');
  }

  private reject(request: Request, response: Response, status: number, reason: RejectionReason, detail: string): void {
    const address = request.socket.remoteAddress ?? 'unknown';
    // A rejection by the limiter does not count, so that the block ends with the window.
    if (reason !== 'rate_limited') this.limiter.authenticationFailed(address);
    this.metrics.counter(METRIC.adminRejected).inc({ reason });
    const level = reason === 'rate_limited' ? 'debug' : 'warn';
    this.logger[level](
      { address, method: request.method, reason, requestId: requestIdOf(request) },
      'request to /admin rejected',
    );
    const type = reason === 'no_tokens_configured' ? { type: 'no-tokens' } : {};
    sendProblem(response, { status, detail, ...type });
  }
}
