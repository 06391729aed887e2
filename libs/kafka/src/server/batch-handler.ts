import { applyDecorators, Catch, type RpcExceptionFilter, UseFilters } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';

/** Passes errors on unchanged. Nest's own filter replaces them with "Internal server error". */
@Catch()
class PassErrorsOn implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/**
 * Marks the one handler of a topic's batches on the server with this transportId. The partition task gets what the handler
 * throws.
 */
export const BatchHandler = (topic: string, transportId: symbol): MethodDecorator =>
  applyDecorators(EventPattern<string | symbol>(topic, transportId), UseFilters(PassErrorsOn));
