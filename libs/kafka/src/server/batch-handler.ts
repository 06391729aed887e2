import { applyDecorators, Catch, type RpcExceptionFilter, UseFilters } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';

/** Nest's own filter replaces what a handler throws with "Internal server error"; the task wants the error itself. */
@Catch()
class PassErrorsOn implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/** Marks the one handler of a topic's batches on the server with this transportId; what it throws reaches the task. */
export const BatchHandler = (topic: string, transportId: symbol): MethodDecorator =>
  applyDecorators(EventPattern<string | symbol>(topic, transportId), UseFilters(PassErrorsOn));
