import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  NotImplementedException,
  Post,
  type Type,
  ValidationPipe,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExcludeEndpoint,
  ApiOkResponse,
  ApiOperation,
  ApiSchema,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { type Logger } from '@orderstream/observability';
import { PauseLease, PauseRequest } from './pause-lease';
import { Roles } from './roles.guard';
import { OpenApi } from './open-api';
import { ApiProblems } from './problem';
import { type ServiceControl } from './service-control';
import { LOGGER, SERVICE_CONTROL } from './tokens';

/** What a service adds to the documentation and the validation of its `/admin`. */
export interface AdminEndpoints {
  /** The class of the status, with `@ApiProperty` on its fields. */
  readonly status?: Type<object>;
  /** The class of the optional body of `resume`, with decorators of class-validator. Without it, `resume` takes no body. */
  readonly resume?: Type<object>;
}

/** The errors that every endpoint of `/admin` may answer. */
export const ADMIN_PROBLEMS = {
  401: 'The bearer token is missing or not known.',
  429: 'Too many failed authentications from this address. A known token is never answered with it.',
  503: 'No tokens are configured: set ADMIN_TOKENS.',
} as const;

/** The errors that every command may answer besides: see `CommandGate`. */
export const COMMAND_PROBLEMS = {
  400: 'The body is invalid, nested too deep, or has too many values.',
  403: 'The role of the token does not allow it.',
  409: 'The service cannot do that now. The detail has the reason.',
  413: 'The body is larger than 64 kB.',
  415: 'The body has a charset or an encoding that the service does not read.',
  503: 'The service is starting or stopping, or no tokens are configured. The command changed nothing.',
} as const;

const CONTROL_PROBLEMS = { 501: 'This service has no status, pause or resume.' } as const;

/** The body of a command that takes none. */
@ApiSchema({ description: 'An empty object, or no body.' })
class NoBody {}

/** The administration of every service: status, pause, resume and the OpenAPI document. */
export function adminController({ status, resume: ResumeBody = NoBody }: AdminEndpoints = {}): Type {
  const answer = ApiOkResponse({
    description: 'The status of the service.',
    ...(status === undefined ? { schema: { type: 'object' } } : { type: status }),
  });
  const bodyOf = (expectedType: Type<object>): ValidationPipe =>
    new ValidationPipe({ expectedType, whitelist: true, forbidNonWhitelisted: true, transform: true });

  @ApiBearerAuth()
  @ApiProblems(ADMIN_PROBLEMS)
  @Controller('admin')
  class AdminController {
    private readonly lease = new PauseLease();

    constructor(
      private readonly modules: ModuleRef,
      private readonly openApi: OpenApi,
      @Inject(LOGGER) private readonly logger: Logger,
    ) {}

    @Get('status')
    @Roles('viewer')
    @ApiOperation({ summary: 'Returns the status of the service.' })
    @ApiProblems(CONTROL_PROBLEMS)
    @answer
    async status(): Promise<object> {
      return this.control().status();
    }

    @Post('pause')
    @HttpCode(200)
    @Roles('operator')
    @ApiOperation({
      summary: 'Stops taking new work and settles the work in progress, for a limited time if asked to.',
    })
    @ApiBody({ type: PauseRequest, required: false })
    @ApiProblems({ ...COMMAND_PROBLEMS, ...CONTROL_PROBLEMS })
    @answer
    async pause(@Body(bodyOf(PauseRequest)) { seconds }: PauseRequest): Promise<object> {
      const control = this.control();
      await control.pause();
      this.lease.paused(seconds, () => {
        control.resume().catch((error: unknown) => {
          this.logger.error({ err: error }, 'the service cannot resume after a pause with a limit: POST /admin/resume');
        });
      });
      return control.status();
    }

    @Post('resume')
    @HttpCode(200)
    @Roles('operator')
    @ApiOperation({ summary: 'Resumes after a pause and retries stopped partitions.' })
    @ApiBody({ type: ResumeBody, required: false })
    @ApiProblems({ ...COMMAND_PROBLEMS, ...CONTROL_PROBLEMS })
    @answer
    async resume(@Body(bodyOf(ResumeBody)) body: object): Promise<object> {
      this.lease.resumed();
      await this.control().resume(body);
      return this.control().status();
    }

    @Get('docs')
    @Roles('viewer')
    @ApiExcludeEndpoint()
    docs(): OpenAPIObject {
      return this.openApi.document();
    }

    private control(): ServiceControl {
      try {
        return this.modules.get<ServiceControl>(SERVICE_CONTROL, { strict: false });
      } catch (cause) {
        throw new NotImplementedException(CONTROL_PROBLEMS[501], { cause });
      }
    }
  }
  return AdminController;
}
