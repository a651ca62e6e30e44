// Formats that QEMU would recognise by their first bytes and that are never accepted as a disk with that content.
import { bytes, type ContentFormat, type Format, hasAt } from '../format.ts'

function refused(name: ContentFormat, signature: string): Format {
  return {
    name,
    *inspect(report) {
      const head = yield* bytes(0, 64)
      if (!hasAt(head, 0, signature)) return
      report.matched()
      report.problem('format', `The image has the format ${name}, which is not accepted. Convert it to qcow2.`)
    },
  }
}

export const qed = refused('qed', 'QED\0')
export const bochs = refused('bochs', 'Bochs Virtual HD Image')
export const cloop = refused('cloop', '#!/bin/sh\n#V2.0 Format\n')
