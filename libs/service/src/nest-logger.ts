import { type LoggerService } from '@nestjs/common';
import { type Logger } from '@orderstream/observability';

/** Writes Nest's messages to the service's log. Messages of level `log`, mostly about the start, become `debug`. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...details: unknown[]): void {
    this.write('debug', message, details);
  }

  verbose(message: unknown, ...details: unknown[]): void {
    this.write('trace', message, details);
  }

  debug(message: unknown, ...details: unknown[]): void {
    this.write('debug', message, details);
  }

  warn(message: unknown, ...details: unknown[]): void {
    this.write('warn', message, details);
  }

  error(message: unknown, ...details: unknown[]): void {
    this.write('error', message, details);
  }

  fatal(message: unknown, ...details: unknown[]): void {
    this.write('fatal', message, details);
  }

  /** Nest passes the context as the last argument and, for errors, the stack before it. */
  private write(level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal', message: unknown, details: unknown[]): void {
    const context = typeof details.at(-1) === 'string' ? details.at(-1) : undefined;
    if (message instanceof Error) this.logger[level]({ err: message, context }, message.message);
    else {
      const stack = details.find((detail) => typeof detail === 'string' && detail.includes('\n    at '));
      this.logger[level]({ context, stack }, typeof message === 'string' ? message : JSON.stringify(message));
    }
  }
}
