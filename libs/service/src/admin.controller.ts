import { Controller, Get, HttpCode, NotImplementedException, Post } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ApiBearerAuth, ApiExcludeEndpoint, ApiOperation, type OpenAPIObject } from '@nestjs/swagger';
import { Roles } from './roles.guard';
import { OpenApi } from './open-api';
import { type ServiceControl } from './service-control';
import { SERVICE_CONTROL } from './tokens';

/** The administration of every service: status, pause, resume and the OpenAPI document. */
@ApiBearerAuth()
@Controller('admin')
export class AdminController {
  constructor(
    private readonly modules: ModuleRef,
    private readonly openApi: OpenApi,
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
  @ApiOperation({ summary: 'Stops taking new work and settles the work in progress.' })
  async pause(): Promise<object> {
    await this.control().pause();
    return this.control().status();
  }

  @Post('resume')
  @HttpCode(200)
  @Roles('operator')
  @ApiOperation({ summary: 'Resumes after a pause and retries stopped partitions.' })
  async resume(): Promise<object> {
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
