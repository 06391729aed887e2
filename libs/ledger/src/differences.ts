const MAX_EXAMPLES_OF_A_KIND = 10;

export type DifferenceKind = 'missing' | 'duplicated' | 'unexplained' | 'outOfOrder' | 'wrongVerdicts' | 'rejected';

/** Counts differences by kind and keeps the first of each kind as examples. */
export class Differences {
  private readonly byKind: Record<DifferenceKind, number> = {
    missing: 0,
    duplicated: 0,
    unexplained: 0,
    outOfOrder: 0,
    wrongVerdicts: 0,
    rejected: 0,
  };
  private readonly texts: string[] = [];

  get counts(): Readonly<Record<DifferenceKind, number>> {
    return this.byKind;
  }

  get examples(): readonly string[] {
    return this.texts;
  }

  add(kind: DifferenceKind, text: string, count = 1): void {
    const before = this.byKind[kind];
    this.byKind[kind] += count;
    if (before < MAX_EXAMPLES_OF_A_KIND) this.texts.push(`${kind}: ${text}`);
  }
}
