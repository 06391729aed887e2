import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI document of the service's `/admin`, made at the first request for it. */
@Injectable()
export class OpenApi {
  private source: (() => OpenAPIObject) | undefined;
  private made: OpenAPIObject | undefined;

  describe(app: INestApplication, title: string): void {
    this.source = () =>
      SwaggerModule.createDocument(app, new DocumentBuilder().setTitle(title).addBearerAuth().build());
  }

  document(): OpenAPIObject {
    if (this.source === undefined) throw new Error('the application has not been described');
    this.made ??= this.source();
    return this.made;
  }
}
