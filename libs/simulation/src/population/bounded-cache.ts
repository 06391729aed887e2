/** Remembers the last thing of each place: at most `size` things, a power of two. */
export class BoundedCache<T extends { readonly number: number }> {
  private readonly things: (T | undefined)[];

  constructor(
    private readonly size: number,
    private readonly create: (number: number) => T,
  ) {
    this.things = new Array<T | undefined>(size).fill(undefined);
  }

  get(number: number): T {
    const place = number & (this.size - 1);
    const cached = this.things[place];
    if (cached?.number === number) return cached;
    const created = this.create(number);
    this.things[place] = created;
    return created;
  }
}
