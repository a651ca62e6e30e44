// Times as Nova writes them; from milliseconds since 1970.

/** `2013-09-03T04:01:32Z` */
export function seconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** `2013-09-23T13:37:00.880000`, without zone; null stays null. */
export function micros(at: number | null): string | null {
  return at === null ? null : `${new Date(at).toISOString().slice(0, 23)}000`
}
