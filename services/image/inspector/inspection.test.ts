import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { earlyRefusals, refusals } from './acceptance.ts'
import { StreamInspector } from './inspect-stream.ts'
import { be32, be64, inspected, le64, made, partitioned, patched, vmdkDescriptor, vmdkWith } from './testing.ts'

const MIB = 1024 * 1024

async function refusedFor(declared: string, image: Buffer): Promise<string[]> {
  return refusals(declared, await inspected(image)).map((problem) => problem.what)
}

describe('good images', () => {
  const good = [
    { declared: 'qcow2', options: 'compat=0.10' },
    { declared: 'qcow2', options: 'compat=1.1,cluster_size=2M' },
    { declared: 'qcow2', options: 'compat=1.1,compression_type=zstd,lazy_refcounts=on' },
    { declared: 'qcow2', options: 'extended_l2=on' },
    { declared: 'vmdk', options: 'subformat=monolithicSparse' },
    { declared: 'vmdk', options: 'subformat=streamOptimized' },
    { declared: 'vhd', make: 'vpc', options: 'force_size=on' },
    { declared: 'vhd', make: 'vpc', options: 'subformat=fixed,force_size=on' },
    { declared: 'vhdx', options: '' },
    { declared: 'vdi', options: '' },
    { declared: 'vdi', options: 'static=on' },
    { declared: 'raw', options: '' },
  ]
  for (const { declared, make, options } of good) {
    it(`accepts ${declared} ${options}`, async () => {
      const image = await made(make ?? declared, { options, content: partitioned() })
      const result = await inspected(image)
      assert.deepEqual(refusals(declared, result), [])
      assert.equal(result.virtualSize, 8 * MIB)
      assert.equal(result.format, declared === 'raw' ? 'mbr' : declared)
    })
  }

  it('tells gpt, mbr and plain data apart, all of them good as raw', async () => {
    const gpt = patched(partitioned(), 512, 'EFI PART')
    assert.deepEqual((await inspected(gpt)).candidates, ['gpt'])
    assert.deepEqual((await inspected(partitioned())).candidates, ['mbr'])
    assert.deepEqual((await inspected(Buffer.alloc(MIB, 'x'))).candidates, [])
    for (const image of [gpt, partitioned(), Buffer.alloc(MIB, 'x'), Buffer.alloc(0), Buffer.alloc(1)]) {
      assert.deepEqual(await refusedFor('raw', image), [])
    }
  })

  it('takes a boot sector without partitions for plain data', async () => {
    const superfloppy = patched(Buffer.alloc(MIB, 0xeb), 510, Buffer.from([0x55, 0xaa]))
    assert.deepEqual((await inspected(superfloppy)).candidates, [])
  })

  it('accepts an iso, and one that is also partitioned', async () => {
    const iso = patched(Buffer.alloc(MIB), 32_769, 'CD001')
    assert.deepEqual(await refusedFor('iso', iso), [])
    const hybrid = patched(iso, 0, partitioned().subarray(0, 512))
    assert.deepEqual(await refusedFor('iso', hybrid), [])
    assert.equal((await inspected(hybrid)).format, 'iso')
  })
})

describe('content that is not what was declared', () => {
  const kinds = ['qcow2', 'vmdk', 'vpc', 'vhdx', 'vdi', 'qed']
  for (const kind of kinds) {
    it(`refuses ${kind} as raw, and as anything else`, async () => {
      const image = await made(kind)
      for (const declared of ['raw', 'iso', 'aki', kind === 'qcow2' ? 'vmdk' : 'qcow2', 'unknown']) {
        assert.ok((await refusedFor(declared, image)).includes('mismatch'), declared)
      }
    })
  }

  it('refuses plain data as a rich format', async () => {
    assert.deepEqual(await refusedFor('qcow2', Buffer.alloc(MIB)), ['mismatch'])
    assert.deepEqual(await refusedFor('iso', partitioned()), ['mismatch'])
    assert.deepEqual(await refusedFor('vmdk', Buffer.alloc(0)), ['mismatch'])
  })

  it('refuses a fixed vhd as raw, though only its end shows', async () => {
    const image = await made('vpc', { options: 'subformat=fixed,force_size=on' })
    assert.deepEqual(await refusedFor('raw', image), ['mismatch'])
  })

  for (const text of ['# Disk DescriptorFile\nversion=1\n', '#\n \n  \r\nversion=3\r\n']) {
    it(`refuses the descriptor ${JSON.stringify(text)} as raw`, async () => {
      assert.ok((await refusedFor('raw', patched(Buffer.alloc(MIB), 0, text))).includes('mismatch'))
    })
  }
})

describe('qcow2', () => {
  const evil: [string, string, number, Buffer][] = [
    ['a backing file', 'backing-file', 8, Buffer.concat([be64(512n), be32(11)])],
    ['a backing file without a length', 'backing-file', 8, be64(512n)],
    ['an external data file', 'data-file', 72, be64(4n)],
    ['an unknown incompatible feature', 'features', 72, be64(1n << 40n)],
    ['the corrupt bit', 'corrupt', 72, be64(2n)],
    ['encryption', 'encryption', 32, be32(2)],
    ['a disk of 2^63 bytes', 'virtual-size', 24, be64(1n << 63n)],
    ['a disk that its tables cannot hold', 'virtual-size', 24, be64(1n << 45n)],
    ['a huge L1 table', 'tables', 36, be32(0xffff_ffff)],
    ['a huge refcount table', 'tables', 56, be32(0xffff_ffff)],
    ['too many snapshots', 'header', 60, be32(0xffff_ffff)],
    ['an unknown version', 'version', 4, be32(9)],
    ['clusters of 2^40 bytes', 'header', 20, be32(40)],
    ['an impossible header length', 'header', 100, be32(0xffff_fff8)],
    ['a data file named by an extension only', 'data-file', 112, Buffer.concat([be32(0x44415441), be32(8)])],
    ['an extension that leaves the cluster', 'header', 112, Buffer.concat([be32(0x1234), be32(0xffff_ffff)])],
    ['tables beyond the end', 'truncated', 40, be64(1n << 40n)],
  ]
  for (const [title, what, offset, bytes] of evil) {
    it(`refuses ${title}`, async () => {
      const image = await made('qcow2')
      assert.ok((await refusedFor('qcow2', patched(image, offset, bytes))).includes(what))
    })
  }

  it('refuses endless header extensions', async () => {
    const extension = Buffer.concat([be32(0x1234), be32(0)])
    const many = Buffer.concat(Array.from({ length: 8000 }, () => extension))
    assert.ok((await refusedFor('qcow2', patched(await made('qcow2'), 112, many))).includes('header'))
  })

  it('refuses luks inside, version 1, and every truncation of its head', async () => {
    const image = await made('qcow2')
    assert.ok((await refusedFor('qcow2', patched(image, 4, be32(1)))).includes('mismatch'))
    for (const length of [4, 8, 71, 103, 111, 500, 65_536]) {
      assert.notDeepEqual(await refusedFor('qcow2', image.subarray(0, length)), [], `${length} bytes`)
    }
  })
})

describe('vmdk', () => {
  it('accepts the crafted image that the evil ones differ from', async () => {
    assert.deepEqual(await refusedFor('vmdk', vmdkWith(vmdkDescriptor())), [])
  })

  const evil: [string, string, string][] = [
    ['a flat extent', 'extents', vmdkDescriptor({ extents: 'RW 16384 FLAT "disk-flat.vmdk" 0' })],
    ['a path of the host', 'extents', vmdkDescriptor({ extents: 'RW 16384 SPARSE "/etc/passwd"' })],
    ['a relative path', 'extents', vmdkDescriptor({ extents: 'RW 16384 SPARSE "..\\x"' })],
    ['a malformed extent', 'extents', vmdkDescriptor({ extents: 'RW x SPARSE disk' })],
    ['two extents', 'extents', vmdkDescriptor({ extents: 'RW 1 SPARSE "a"\nRW 1 SPARSE "b"' })],
    ['an extent behind a carriage return', 'extents', vmdkDescriptor({ extents: 'RW 1 SPARSE "a"\rRW 1 FLAT "/b" 0' })],
    ['no extent', 'extents', vmdkDescriptor({ extents: '' })],
    ['monolithicFlat', 'createType', vmdkDescriptor({ createType: 'monolithicFlat' })],
    ['twoGbMaxExtentSparse', 'createType', vmdkDescriptor({ createType: 'twoGbMaxExtentSparse' })],
    ['two createTypes', 'createType', `${vmdkDescriptor()}createType="monolithicFlat"\n`],
    ['a hidden createType', 'createType', vmdkDescriptor().replace('CID=1', 'xcreateType="vmfs"')],
    ['a parent', 'backing-file', vmdkDescriptor().replace('parentCID=ffffffff', 'parentCID=12345678')],
    ['a parent by name', 'backing-file', `${vmdkDescriptor()}parentFileNameHint="/base.vmdk"\n`],
  ]
  for (const [title, what, descriptor] of evil) {
    it(`refuses ${title}`, async () => {
      assert.ok((await refusedFor('vmdk', vmdkWith(descriptor))).includes(what))
    })
  }

  it('refuses what qemu-img makes of other subformats', async () => {
    const flat = Buffer.from(vmdkDescriptor({ createType: 'monolithicFlat', extents: 'RW 1 FLAT "/etc/shadow" 0' }))
    assert.ok((await refusedFor('vmdk', flat)).includes('createType'))
    assert.ok((await refusedFor('vmdk', patched(Buffer.alloc(4096), 0, 'COWD'))).includes('createType'))
  })

  it('refuses a header without capacity, without descriptor, with 2^63 sectors or huge tables', async () => {
    const image = vmdkWith(vmdkDescriptor())
    assert.ok((await refusedFor('vmdk', patched(image, 12, le64(0n)))).includes('header'))
    assert.ok((await refusedFor('vmdk', patched(image, 28, le64(0n)))).includes('descriptor'))
    assert.ok((await refusedFor('vmdk', patched(image, 36, le64(1n << 60n)))).includes('descriptor'))
    assert.ok((await refusedFor('vmdk', patched(image, 12, le64(1n << 63n)))).includes('virtual-size'))
    assert.ok((await refusedFor('vmdk', patched(image, 44, be32(0xffff_ffff)))).includes('tables'))
  })

  it('refuses a footer that contradicts the header, and a missing one', async () => {
    const head = patched(vmdkWith(vmdkDescriptor({ createType: 'streamOptimized' })), 56, Buffer.alloc(8, 0xff))
    const marker = patched(Buffer.alloc(512), 12, Buffer.of(3))
    const footer = patched(head.subarray(0, 512), 56, le64(26n))
    const whole = Buffer.concat([head, marker, footer, Buffer.alloc(512)])
    assert.deepEqual(await refusedFor('vmdk', whole), [])
    const otherDescriptor = patched(whole, whole.length - 1024 + 28, le64(7n))
    assert.ok((await refusedFor('vmdk', otherDescriptor)).includes('footer'))
    assert.ok((await refusedFor('vmdk', whole.subarray(0, -512))).includes('truncated'))
    assert.ok((await refusedFor('vmdk', head)).includes('truncated'))
  })
})

describe('vhd, vhdx and vdi', () => {
  it('refuses differencing, truncated and damaged vhd', async () => {
    const image = await made('vpc')
    assert.ok((await refusedFor('vhd', patched(image, 60, be32(4)))).includes('backing-file'))
    assert.ok((await refusedFor('vhd', image.subarray(0, image.length - 512))).includes('truncated'))
    assert.ok((await refusedFor('vhd', patched(image, 100, 'x'))).includes('checksum'))
    assert.ok((await refusedFor('vhd', patched(image, 48, be64(1n << 63n)))).includes('virtual-size'))
    assert.ok((await refusedFor('vhd', patched(image, 512 + 28, be32(0xffff_ffff)))).includes('tables'))
  })

  it('refuses a vhdx with a parent, a log, two minds or no end', async () => {
    const image = await made('vhdx')
    const parent = Buffer.from('2d5fd3a80bb34d45abf7d3d84834ab0c', 'hex')
    const table = image.indexOf('metadata')
    assert.ok((await refusedFor('vhdx', patched(image, table + 32 + 4 * 32, parent))).includes('backing-file'))
    const file = image.indexOf(Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex'))
    const parameters = table + image.readUInt32LE(file + 16)
    assert.ok((await refusedFor('vhdx', patched(image, parameters + 4, Buffer.of(2)))).includes('backing-file'))
    assert.ok((await refusedFor('vhdx', patched(image, 65_536 + 48, 'log'))).includes('log'))
    assert.ok((await refusedFor('vhdx', patched(image, 256 * 1024 + 40, 'x'))).includes('tables'))
    assert.ok((await refusedFor('vhdx', image.subarray(0, table + 100))).includes('truncated'))
    const size = image.indexOf(Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex'))
    const huge = patched(image, table + image.readUInt32LE(size + 16), le64(1n << 63n))
    assert.ok((await refusedFor('vhdx', huge)).includes('virtual-size'))
  })

  it('refuses a vdi with a parent, of 2^63 bytes, or cut short', async () => {
    const image = await made('vdi', { content: partitioned() })
    assert.ok((await refusedFor('vdi', patched(image, 0x4c, Buffer.of(4)))).includes('backing-file'))
    assert.ok((await refusedFor('vdi', patched(image, 0x1a8, 'x'))).includes('backing-file'))
    assert.ok((await refusedFor('vdi', patched(image, 0x170, le64(1n << 63n)))).includes('virtual-size'))
    assert.ok((await refusedFor('vdi', image.subarray(0, image.length - MIB))).includes('truncated'))
  })
})

describe('luks and polyglots', () => {
  it('refuses luks under every name', async () => {
    for (const version of [1, 2]) {
      const image = patched(Buffer.alloc(MIB), 0, Buffer.from([...Buffer.from('LUKS\xba\xbe', 'latin1'), 0, version]))
      for (const declared of ['raw', 'iso', 'qcow2', 'aki']) {
        assert.ok((await refusedFor(declared, image)).includes('encryption'))
      }
    }
  })

  it('refuses two signatures, whichever of them is declared', async () => {
    const qcow2 = await made('qcow2')
    const [vhdFixed, vdi] = [await made('vpc', { options: 'subformat=fixed,force_size=on' }), await made('vdi')]
    const polyglots: [string, Buffer][] = [
      ['qcow2', patched(qcow2, 32_769, 'CD001')],
      ['qcow2', patched(qcow2, 512, 'EFI PART')],
      ['qcow2', Buffer.concat([qcow2, vhdFixed.subarray(-512)])],
      ['iso', patched(patched(Buffer.alloc(MIB), 32_769, 'CD001'), 0, vdi.subarray(0, 512))],
      ['vhd', patched(vhdFixed, 0, qcow2.subarray(0, 4096))],
      ['vhd', patched(vhdFixed, 32_769, 'CD001')],
      ['vdi', patched(vdi, 0, 'KDMV')],
      ['iso', patched(vhdFixed, 32_769, 'CD001')],
    ]
    for (const [declared, image] of polyglots) {
      assert.ok((await refusedFor(declared, image)).includes('polyglot'), declared)
      assert.equal((await inspected(image)).safe, false)
    }
  })
})

describe('the stream', () => {
  it('refuses as soon as the head shows it', async () => {
    const inspector = new StreamInspector()
    inspector.push(patched(await made('qcow2'), 8, be64(512n)).subarray(0, 4096))
    assert.deepEqual(
      earlyRefusals('qcow2', inspector.soFar()).map((problem) => problem.what),
      ['backing-file'],
    )
    assert.equal(earlyRefusals('raw', inspector.soFar())[0]?.what, 'mismatch')
    assert.deepEqual(earlyRefusals('iso', new StreamInspector().soFar()), [])
  })

  it('never throws and agrees with the file, whatever the bytes', async () => {
    const seeds = await Promise.all(
      ['qcow2', 'vmdk', 'vpc', 'vhdx', 'vdi'].map((format) => made(format, { size: '1M' })),
    )
    const change = fc.record({ at: fc.nat(400_000), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) })
    const head = fc.record({ at: fc.nat(600), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) })
    const arbitrary = fc.tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.oneof(head, head, change), { maxLength: 6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    await fc.assert(
      fc.asyncProperty(arbitrary, async ([seed, changes, keep]) => {
        const image = Buffer.from(seed.subarray(0, Math.ceil(seed.length * Math.sqrt(keep))))
        for (const { at, bytes } of changes) {
          if (at + bytes.length <= image.length) image.set(bytes, at)
        }
        await inspected(image)
      }),
      { numRuns: 60 },
    )
  })
})
