// Times as Neutron writes them; from milliseconds since 1970.

/** `2016-03-08T20:19:41Z` */
export function seconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** `2017-09-12 19:40:08`, as agents have it. */
export function agentTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}
