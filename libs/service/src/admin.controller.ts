import {
  Body,
  Controller,
  Get,
  HttpCode,
  NotImplementedException,
  Post,
  Res,
  type Type,
  ValidationPipe,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExcludeEndpoint,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiSchema,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { type Response } from 'express';
import { Audited } from './audit/audited';
import { type Caller, CallerOf } from './caller';
import { OpenApi } from './open-api';
import { parseDuration } from './pause/duration';
import { PauseDto, PauseRequest } from './pause/pause.dto';
import { Pauses } from './pause/pauses';
import { ApiProblems } from './problem';
import { Roles } from './roles.guard';
import { type ServiceControl } from './service-control';
import { OptionalRevision, setRevision } from './settings/revision';
import { RuntimeSettings } from './settings/runtime-settings';
import { SettingDto } from './settings/setting.dto';
import { SERVICE_CONTROL } from './tokens';

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
  429: 'Too many failed authentications, from this address or in sum. A known token is never answered with it.',
  431: 'The headers, with the address and its parameters, are larger than 16 kB.',
  503: 'No tokens are configured: set ADMIN_TOKENS.',
} as const;

/** The error of every endpoint with a parameter in its path. */
export const PATH_PROBLEMS = { 400: 'A parameter of the path is not UTF-8 with percent-encoding.' } as const;

/** The errors that every command may answer besides: see `CommandGate`. */
export const COMMAND_PROBLEMS = {
  400: 'The body is invalid, nested too deep, or has too many values.',
  403: 'The role of the token does not allow it.',
  409: 'The service cannot do that now. The detail has the reason.',
  413: 'The body is larger than 64 kB.',
  415: 'The body has a type, a charset or an encoding that the endpoint does not read.',
  503: 'The service is starting or stopping, no tokens are configured, or the audit cannot be written. The command changed nothing.',
} as const;

/** The error of a command that may name the revision that it replaces. */
export const REVISION_PROBLEMS = {
  412: 'The resource has another revision than If-Match: somebody has changed it. Nothing was changed.',
} as const;

const CONTROL_PROBLEMS = { 501: 'This service has no status, pause or resume.' } as const;

const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'The ETag of GET /admin/pause: the command is carried out only if nobody has paused or resumed since.',
  schema: { type: 'string', example: '"12"' },
} as const;

/** A pause of one instance that ends by itself. */
const isLease = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'seconds' in body && typeof body.seconds === 'number';

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
    constructor(
      private readonly modules: ModuleRef,
      private readonly openApi: OpenApi,
      private readonly pauses: Pauses,
      private readonly settings: RuntimeSettings,
    ) {}

    @Get('status')
    @Roles('viewer')
    @ApiOperation({ summary: 'Returns the status of the service. `pause` is there while it is paused.' })
    @ApiProblems(CONTROL_PROBLEMS)
    @answer
    async status(): Promise<object> {
      const status = await this.control().status();
      const pause = this.pauses.current;
      return pause === undefined ? status : { ...status, pause };
    }

    @Get('settings')
    @Roles('viewer')
    @ApiOperation({ summary: 'Lists what operators have changed at run time, in all services.' })
    @ApiOkResponse({ type: [SettingDto] })
    listSettings(): readonly SettingDto[] {
      return this.settings.all().map(({ subject, value, revision, changedBy, changedAt }) => ({
        subject,
        value,
        revision,
        changedBy,
        changedAt,
      }));
    }

    @Get('pause')
    @Roles('viewer')
    @ApiOperation({ summary: 'Returns the pause of the service. Its ETag is the revision that a command can name.' })
    @ApiOkResponse({ type: PauseDto })
    showPause(@Res({ passthrough: true }) response: Response): PauseDto {
      setRevision(response, this.pauses.revision);
      const pause = this.pauses.current;
      return { paused: pause !== undefined, ...pause };
    }

    @Post('pause')
    @HttpCode(200)
    @Roles('operator')
    @Audited({ body: PauseRequest, when: (body) => (isLease(body) ? 'after' : 'with-change') })
    @ApiOperation({
      summary: 'Stops taking new work and settles the work in progress.',
      description:
        'Without a body: every instance of the service, over restarts, until POST /admin/resume. With `for`: the same, ' +
        'with an end. With `seconds`: the instance that is asked, also while Kafka does not answer.',
    })
    @ApiHeader(IF_MATCH)
    @ApiBody({
      type: PauseRequest,
      required: false,
      examples: { 'all instances': { value: { for: '10m' } }, 'one instance': { value: { seconds: 60 } } },
    })
    @ApiProblems({ ...COMMAND_PROBLEMS, ...REVISION_PROBLEMS, ...CONTROL_PROBLEMS })
    @answer
    async pause(
      @Body(bodyOf(PauseRequest)) { seconds, for: duration }: PauseRequest,
      @CallerOf() caller: Caller,
      @OptionalRevision() revision: number | undefined,
      @Res({ passthrough: true }) response: Response,
    ): Promise<object> {
      this.control();
      if (seconds === undefined) {
        await this.pauses.pauseService(duration === undefined ? undefined : parseDuration(duration), caller, revision);
      } else {
        await this.pauses.pauseInstance(seconds, caller.actor);
      }
      setRevision(response, this.pauses.revision);
      return this.status();
    }

    @Post('resume')
    @HttpCode(200)
    @Roles('operator')
    @Audited({ body: ResumeBody, when: () => 'after' })
    @ApiOperation({
      summary: 'Ends the pause of the service, and of the instance that is asked, and retries stopped partitions.',
      description:
        'The other instances end their pause too. Stopped partitions are retried by the instance that is asked.',
    })
    @ApiHeader(IF_MATCH)
    @ApiBody({ type: ResumeBody, required: false })
    @ApiProblems({ ...COMMAND_PROBLEMS, ...REVISION_PROBLEMS, ...CONTROL_PROBLEMS })
    @answer
    async resume(
      @Body(bodyOf(ResumeBody)) body: object,
      @CallerOf() caller: Caller,
      @OptionalRevision() revision: number | undefined,
      @Res({ passthrough: true }) response: Response,
    ): Promise<object> {
      this.control();
      await this.pauses.resume(body, caller, revision);
      setRevision(response, this.pauses.revision);
      return this.status();
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
