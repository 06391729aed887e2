import { type AddressInfo } from 'node:net';
import { type DynamicModule, type INestApplicationContext, Module, type Type, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CustomTransportStrategy } from '@nestjs/microservices';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { type ServiceSettings, type SettingsSpec } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { type Check, Health, type Logger, Metrics } from '@orderstream/observability';
import { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { AdminModule } from './admin.module';
import { Authentication } from './authentication';
import { NestLogger } from './nest-logger';
import { OpenApi } from './open-api';

/** Largest body that `/admin` reads. */
const MAX_BODY_BYTES = 65_536;

/** What makes a service, beside its own module. */
export interface ServiceDefinition<T extends { readonly service: ServiceSettings }> {
  /** As the folder under `apps/`; label `app` of its metrics, `service` of its log. */
  readonly name: string;
  readonly settings: SettingsSpec<T>;
  readonly module: (settings: T) => Type | DynamicModule;
  /**
   * What has to be there before the first record: topics, tables. Runs after the HTTP server listens, so that health
   * tells what the service waits for; an error ends the start.
   */
  readonly prepare?: (app: INestApplicationContext) => Promise<void>;
  /**
   * Transports to connect once `prepare` is done. Each needs a `transportId` of its own: a handler without one is
   * registered with all of them. Their `close` drains; it is called again by Nest and has to bear that.
   */
  readonly servers?: (app: INestApplicationContext) => Iterable<CustomTransportStrategy>;
}

/** The HTTP port cannot be had. */
class ListenError extends OrderstreamError {
  readonly code = 'LISTEN_FAILED';

  constructor(host: string, port: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot listen on ${host}:${String(port)} (${reason}). Set HTTP_HOST and HTTP_PORT to a free address.`, {
      cause,
    });
  }
}

/**
 * A service from its settings to its end.
 *
 * Failure semantics: nothing here keeps state. A kill at any point is as good as a stop to what the service promises;
 * `stop` only saves the next owner of its partitions the wait.
 */
export class Service<T extends { readonly service: ServiceSettings }> {
  readonly health = new Health();
  private phase: 'starting' | 'running' | 'stopping' = 'starting';
  private app: NestExpressApplication | undefined;
  private readonly servers: CustomTransportStrategy[] = [];

  constructor(
    private readonly definition: ServiceDefinition<T>,
    private readonly settings: T,
    private readonly logger: Logger,
  ) {
    this.health.ready('service', (): Check => ({ ok: this.phase === 'running', detail: this.phase }));
  }

  /** Resolves once everything listens. @throws whatever a part of it throws; `stop` then still has to be called */
  async start(): Promise<void> {
    const app = await this.createApp();
    await this.listen(app);
    await this.definition.prepare?.(app);
    if (this.isStopping()) return;
    for (const strategy of this.definition.servers?.(app) ?? []) {
      this.servers.push(strategy);
      app.connectMicroservice({ strategy });
    }
    await app.startAllMicroservices();
    if (this.isStopping()) return;
    this.phase = 'running';
    this.logger.info('running');
  }

  /**
   * Semaphore readiness red, drains the transports while health still answers, then closes the rest. Has no deadline of
   * its own.
   */
  async stop(): Promise<void> {
    this.phase = 'stopping';
    // Nest would close the HTTP server first, and health with it.
    await Promise.all(
      this.servers.map(async (server) => {
        await server.close();
      }),
    );
    await this.app?.close();
  }

  /** Where the HTTP server listens; undefined before. */
  url(): string | undefined {
    const address = this.app?.getHttpServer().address() as AddressInfo | null | undefined;
    if (address === null || address === undefined) return undefined;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${String(address.port)}`;
  }

  /** Whether `stop` was called. */
  isStopping(): boolean {
    return this.phase === 'stopping';
  }

  private async createApp(): Promise<NestExpressApplication> {
    const { definition, settings, logger, health } = this;
    const parts = { settings, logger, health, metrics: new Metrics({ app: definition.name }) };
    const app = await NestFactory.create<NestExpressApplication>(
      { module: ServiceRoot, imports: [AdminModule.forService(parts), definition.module(settings)] },
      { logger: new NestLogger(logger), abortOnError: false, bodyParser: false, forceCloseConnections: true },
    );
    this.app = app;
    app.use(helmet());
    const authentication = app.get(Authentication);
    app.use('/admin', (request: Request, response: Response, next: NextFunction) => {
      authentication.use(request, response, next);
    });
    app.useBodyParser('json', { limit: MAX_BODY_BYTES });
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    app.get(OpenApi).describe(app, definition.name);
    return app;
  }

  private async listen(app: NestExpressApplication): Promise<void> {
    const { httpHost, httpPort } = this.settings.service;
    await app.init();
    try {
      await app.listen(httpPort, httpHost);
    } catch (cause) {
      throw new ListenError(httpHost, httpPort, cause);
    }
    this.logger.info({ url: this.url() }, 'listening');
  }
}

/** Imports the service's own module beside its admin. */
@Module({})
class ServiceRoot {}
