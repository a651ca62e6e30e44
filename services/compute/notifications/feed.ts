// The events of servers, read in their order from a number on.
import type { EventSource, ServerEvent } from '@kilonova/api/event-stream'
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { micros } from '../time.ts'

export interface FeedScope {
  /** Null: of every project. */
  projectId: string | null
  /** Absent: of every server. */
  serverId?: string | undefined
}

const AT_ONCE = 100
/** Milliseconds between looks for what other processes wrote. */
const LOOK_AGAIN = 1000

/** Begins after the event of that number, or with what comes next. */
export async function openFeed(compute: Compute, scope: FeedScope, after: number | undefined): Promise<Feed> {
  const newest = await newestEvent(compute)
  if (after === undefined || after > newest) return new Feed(compute, scope, newest)
  const oldest = await tables(compute)
    .selectFrom('compute_events')
    .select('id')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  const gap = oldest !== undefined && oldest.id > after + 1
  return new Feed(compute, scope, after, gap)
}

export class Feed implements EventSource {
  readonly #compute: Compute
  readonly #scope: FeedScope
  #seen: number
  #gap: boolean

  constructor(compute: Compute, scope: FeedScope, seen: number, gap = false) {
    this.#compute = compute
    this.#scope = scope
    this.#seen = seen
    this.#gap = gap
  }

  async read(): Promise<ServerEvent[]> {
    const { projectId, serverId } = this.#scope
    const newest = await newestEvent(this.#compute)
    let query = tables(this.#compute)
      .selectFrom('compute_events')
      .selectAll()
      .where('id', '>', this.#seen)
      .where('id', '<=', newest)
      .orderBy('id')
      .limit(AT_ONCE)
    if (projectId !== null) query = query.where('project_id', '=', projectId)
    if (serverId !== undefined) query = query.where('server_id', '=', serverId)
    const rows = await query.execute()
    this.#seen = rows.length === AT_ONCE ? rows.at(-1)!.id : Math.max(newest, this.#seen)
    const events = rows.map(({ id, event, server_id, project_id, data_json, created_at }) => ({
      id: String(id),
      event,
      data: { server_id, project_id, ...JSON.parse(data_json), created_at: micros(created_at) },
    }))
    return this.#withGap(events)
  }

  listen(wake: () => void): () => void {
    const { notifications, store, clock } = this.#compute
    const silence = notifications.events.hear(wake)
    if (store.kind === 'sqlite') return silence // then there is no other process
    let timer = clock.after(LOOK_AGAIN, look)
    function look(): void {
      wake()
      timer = clock.after(LOOK_AGAIN, look)
    }
    return () => {
      silence()
      timer.cancel()
    }
  }

  /** Events that were asked for are kept no longer: what is known of servers must be read anew. */
  #withGap(events: ServerEvent[]): ServerEvent[] {
    if (!this.#gap) return events
    this.#gap = false
    return [{ event: 'gap', data: {} }, ...events]
  }
}

/**
 * The number up to which no event is missing any more. PostgreSQL gives numbers before transactions commit: there, all
 * transactions that are older than one begun now have to end first. Every writer of an event has written something
 * before it, so its transaction is older than one that is begun after the newest event was seen. (The xmax of a snapshot
 * would not do: younger transactions than that may be under way.)
 */
async function newestEvent(compute: Compute): Promise<number> {
  const { store, clock } = compute
  const db = tables(compute)
  const max = db.selectFrom('compute_events').select((eb) => eb.fn.coalesce(eb.fn.max('id'), eb.lit(0)).as('id'))
  const { id } = await max.executeTakeFirstOrThrow()
  if (store.kind === 'sqlite') return id
  const [begun] = (await sql<{ xid: number }>`select pg_current_xact_id()::text::bigint as xid`.execute(db)).rows
  const next = begun!.xid
  for (;;) {
    const oldest = sql<{ xid: number }>`select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid`
    const [row] = (await oldest.execute(db)).rows
    if (row!.xid >= next) return id
    await clock.sleep(5)
  }
}
