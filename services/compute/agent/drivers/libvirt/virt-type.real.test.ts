import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { guestRuns, probeVirtType } from './virt-type.ts'

test('the probe guest runs to its end without KVM', async () => {
  assert.equal(await guestRuns('tcg', 60_000), true)
})

test('a guest that has not ended in its time does not count as running', async () => {
  assert.equal(await guestRuns('tcg', 1), false)
})

test('an answer of this boot is kept, one of another is found anew', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-virt-'))
  try {
    const file = join(directory, 'virt-type')
    await writeFile(file, 'another-boot kvm\n')
    const found = await probeVirtType(file)
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const canProbe = process.arch === 'x64' && existsSync('/dev/kvm')
    assert.equal(await readFile(file, 'utf8'), canProbe ? `${boot} ${found}\n` : 'another-boot kvm\n')
    const other = found === 'kvm' ? 'qemu' : 'kvm'
    await writeFile(file, `${boot} ${other}\n`)
    assert.equal(await probeVirtType(file), canProbe ? other : 'qemu')
  } finally {
    await rm(directory, { recursive: true })
  }
})
