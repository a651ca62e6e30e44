// What is inside an image, told by our own walks over its bytes and never by a tool that opens it.
import { type ContentFormat, type Format, type Piece, type Problem, Report, type Walk, type Wanted } from './format.ts'
import { iso } from './formats/iso.ts'
import { luks } from './formats/luks.ts'
import { gpt, mbr } from './formats/partition-table.ts'
import { ploop } from './formats/ploop.ts'
import { qcow, qcow2 } from './formats/qcow2.ts'
import { bochs, cloop, qed } from './formats/refused.ts'
import { vdi } from './formats/vdi.ts'
import { vhd } from './formats/vhd.ts'
import { vhdx } from './formats/vhdx.ts'
import { vmdk } from './formats/vmdk.ts'

const FORMATS: readonly Format[] = [qcow2, qcow, vmdk, vhd, vhdx, vdi, iso, luks, qed, ploop, bochs, cloop, gpt, mbr]
const PARTITION_TABLES: readonly ContentFormat[] = ['gpt', 'mbr']

export interface Inspection {
  /** The one format of the content; the first candidate where there are several (which is a problem). */
  format: ContentFormat
  /** Every format whose signature was found. Empty for plain data. */
  candidates: ContentFormat[]
  /** Bytes that a guest would see. Null where it is not known, or not possible. */
  virtualSize: number | null
  /** True where there is no problem. */
  safe: boolean
  problems: Problem[]
}

/** All formats' walks over one image. Whoever drives them answers each walk's `wanted` until none is left. */
export class Inspector {
  readonly walks: readonly RunningWalk[] = FORMATS.map((format) => new RunningWalk(format))

  /** What is known so far. Candidates and problems only grow; `size` is the image's, once known. */
  result(size: number | null): Inspection {
    const matching = this.walks.filter((walk) => walk.report.isMatch)
    const tables = matching.filter((walk) => PARTITION_TABLES.includes(walk.format))
    const rich = matching.filter((walk) => !tables.includes(walk))
    const problems = matching.flatMap((walk) => walk.report.problems)
    const candidates = matching.map((walk) => walk.format)
    const main = rich[0] ?? tables[0]
    const holdsTable = main?.format === 'iso' || main?.report.wrapsPlainDisk === true
    if (rich.length > 1 || (rich.length === 1 && tables.length > 0 && !holdsTable)) {
      problems.push({ what: 'polyglot', why: `The image can be read as ${candidates.join(' and as ')}.` })
    }
    const virtualSize = rich[0] ? rich[0].report.virtualSize : size
    return { format: main?.format ?? 'raw', candidates, virtualSize, safe: problems.length === 0, problems }
  }
}

/** One format's walk and the piece that it waits for. */
export class RunningWalk {
  readonly format: ContentFormat
  readonly report = new Report()
  /** Undefined once the walk has ended. */
  wanted: Wanted | undefined
  #walk: Walk

  constructor(format: Format) {
    this.format = format.name
    this.#walk = format.inspect(this.report)
    this.#take(this.#walk.next())
  }

  answer(piece: Piece): void {
    this.#take(this.#walk.next(piece))
  }

  #take(step: IteratorResult<Wanted, void>): void {
    this.wanted = step.done ? undefined : step.value
  }
}
