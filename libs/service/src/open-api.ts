import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI document of the service's `/admin`, created at the first request. */
@Injectable()
export class OpenApi {
  private create: (() => OpenAPIObject) | undefined;
  private created: OpenAPIObject | undefined;

  describe(app: INestApplication, title: string): void {
    this.create = () =>
      SwaggerModule.createDocument(app, new DocumentBuilder().setTitle(title).addBearerAuth().build());
  }

  document(): OpenAPIObject {
    if (this.create === undefined) throw new Error('describe has not been called');
    this.created ??= this.create();
    return this.created;
  }
}
