import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  HttpStatus,
  Injectable,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiConsumes } from '@nestjs/swagger';
import { type Request } from 'express';
import { type Observable } from 'rxjs';
import { ProblemException } from './problem';

/** A body of these types is text. */
export const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'] as const;
const JSON_ONLY = ['application/json'];
const TYPES = Symbol('body types');

/** The types of the bodies that a handler takes, in place of JSON alone. */
export const Consumes = (...types: readonly string[]): MethodDecorator =>
  applyDecorators(ApiConsumes(...types), SetMetadata(TYPES, types));

/**
 * Rejects a command whose body has a type that its handler does not read. Such a body is not parsed: the command would be
 * carried out as if it had none, and a pause of one instance for a minute would become one of all instances without an end.
 */
@Injectable()
export class BodyTypeGate implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<Request>();
    const types = this.reflector.get<readonly string[] | undefined>(TYPES, context.getHandler()) ?? JSON_ONLY;
    if (hasBody(request) && request.is([...types]) === false) {
      throw new ProblemException(
        HttpStatus.UNSUPPORTED_MEDIA_TYPE,
        `The body must be ${types.join(' or ')}. Nothing was changed.`,
      );
    }
    return next.handle();
  }
}

const hasBody = ({ method, headers }: Request): boolean =>
  method !== 'GET' &&
  method !== 'HEAD' &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);
