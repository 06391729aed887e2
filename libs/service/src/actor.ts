import { createHash, timingSafeEqual } from 'node:crypto';
import { type AdminRole, type AdminToken } from '@orderstream/config';
import { type Request } from 'express';

/** Who sent a request to `/admin`: name and role of the token. */
export interface Actor {
  readonly name: string;
  readonly role: AdminRole;
}

const ACTOR = Symbol('actor');
type WithActor = Request & { [ACTOR]?: Actor };

export function setActor(request: Request, actor: Actor): void {
  (request as WithActor)[ACTOR] = actor;
}

export function actorOf(request: Request): Actor | undefined {
  return (request as WithActor)[ACTOR];
}

/**
 * The configured tokens, by their SHA-256. A presented token is hashed and compared with all of them in constant time, so
 * that the response time reveals nothing about them.
 */
export class TokenTable {
  private readonly entries: readonly { readonly digest: Buffer; readonly actor: Actor }[];

  constructor(tokens: readonly AdminToken[]) {
    this.entries = tokens.map(({ name, role, sha256 }) => ({
      digest: Buffer.from(sha256, 'hex'),
      actor: { name, role },
    }));
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  find(token: string): Actor | undefined {
    const digest = createHash('sha256').update(token).digest();
    let found: Actor | undefined;
    for (const entry of this.entries) {
      if (timingSafeEqual(entry.digest, digest)) found = entry.actor;
    }
    return found;
  }
}
