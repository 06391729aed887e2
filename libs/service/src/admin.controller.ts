import { Body, Controller, Get, HttpCode, Inject, NotImplementedException, Post } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ApiBearerAuth, ApiExcludeEndpoint, ApiOperation, type OpenAPIObject } from '@nestjs/swagger';
import { type Logger } from '@orderstream/observability';
import { PauseLease, PauseRequest } from './pause-lease';
import { Roles } from './roles.guard';
import { OpenApi } from './open-api';
import { type ServiceControl } from './service-control';
import { LOGGER, SERVICE_CONTROL } from './tokens';

/** The administration of every service: status, pause, resume and the OpenAPI document. */
@ApiBearerAuth()
@Controller('admin')
export class AdminController {
  private readonly lease = new PauseLease();

  constructor(
    private readonly modules: ModuleRef,
    private readonly openApi: OpenApi,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get('status')
  @Roles('viewer')
  @ApiOperation({ summary: 'Returns the status of the service.' })
  async status(): Promise<object> {
    return this.control().status();
  }

  @Post('pause')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Stops taking new work and settles the work in progress, for a limited time if asked to.' })
  async pause(@Body() { seconds }: PauseRequest): Promise<object> {
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
  async resume(): Promise<object> {
    this.lease.resumed();
    await this.control().resume();
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
      throw new NotImplementedException('This service has no status, pause or resume.', { cause });
    }
  }
}
