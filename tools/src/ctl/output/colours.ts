const CODES = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof CODES;

/** Colours of a terminal; none elsewhere. */
export class Colours {
  constructor(private readonly enabled: boolean) {}

  paint(text: string, colour: Colour | undefined): string {
    return this.enabled && colour !== undefined ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  }
}
