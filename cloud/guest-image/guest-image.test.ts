// The image is built from the archives and started under emulation, with each way it can learn who it is.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { buildGuestImage, type GuestImage } from './build.ts'

const CACHE = join(process.env['KILONOVA_TEST_CACHE'] ?? join(tmpdir(), 'kilonova-test-cache'), 'guest-image')
const PATIENCE = 120_000
const UUID = '5b3c1b1e-0000-4000-8000-000000000001'

let image: GuestImage
let work: string
let publicKey: string

before(async () => {
  image = await buildGuestImage({ directory: CACHE, log: () => undefined })
  work = await mkdtemp(join(tmpdir(), 'kilonova-guest-'))
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a "quoted" comment', '-f', join(work, 'key')])
  publicKey = (await run('ssh-keygen', ['-y', '-f', join(work, 'key')])).stdout.trim()
})

after(() => rm(work, { recursive: true, force: true }))

interface Guest {
  /** All that the serial console said. */
  console: () => string
  /** Resolves with the match when the console has said it after `from`. */
  says: (wanted: RegExp, from?: number) => Promise<RegExpExecArray>
  type: (line: string) => void
  monitor: (command: string) => Promise<void>
  /** Resolves with QEMU's exit code. */
  ended: Promise<number | null>
}

/** Starts QEMU; `wrapper` is a command that runs it elsewhere, such as in a network namespace. */
async function startGuest(t: TestContext, options: readonly string[], wrapper: readonly string[] = []): Promise<Guest> {
  const id = systemRandom.uuid()
  const disk = join(work, `${id}.qcow2`)
  const socket = join(work, `${id.slice(0, 8)}.monitor`)
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image.path, disk, '1G'])
  const [file, ...args] = [
    ...wrapper,
    ...['qemu-system-x86_64', '-accel', 'tcg', '-m', String(image.minRam), '-display', 'none', '-nodefaults'],
    ...['-drive', `file=${disk},if=virtio,format=qcow2`, '-device', 'virtio-rng-pci'],
    ...['-serial', 'stdio', '-monitor', `unix:${socket},server,nowait`, ...options],
  ]
  const qemu = spawn(file!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => qemu.kill('SIGKILL'))
  return guestOf(qemu, socket)
}

function guestOf(qemu: ChildProcess, socket: string): Guest {
  let said = ''
  const ended = once(qemu, 'exit').then(([code]) => code as number | null)
  qemu.stdout!.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const says = async (wanted: RegExp, from = 0): Promise<RegExpExecArray> => {
    const limit = AbortSignal.timeout(PATIENCE)
    for (;;) {
      const match = wanted.exec(said.slice(from))
      if (match) return match
      if (qemu.exitCode !== null || limit.aborted) throw new Error(`the console never said ${wanted}:\n${said}`)
      await systemClock.sleep(50)
    }
  }
  const monitor = async (command: string): Promise<void> => {
    const connection = connect(socket).setEncoding('utf8')
    connection.write(`${command}\n`)
    let answer = ''
    for await (const text of connection) {
      answer += text
      if (answer.split('(qemu) ').length > 2) break // it prompts again once it has obeyed
    }
  }
  return { console: () => said, says, type: (line) => qemu.stdin!.write(`${line}\n`), monitor, ended }
}

async function ssh(command: string, where: { host: string; port?: number; wrapper?: string[] }): Promise<string> {
  const { host, port = 22, wrapper = [] } = where
  const known = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
  const [file, ...args] = [
    ...wrapper,
    'ssh',
    '-i',
    join(work, 'key'),
    ...known,
    '-p',
    String(port),
    `root@${host}`,
    command,
  ]
  return (await run(file!, args)).stdout.trim()
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

/** The openstack/latest files as a directory tree; returns the tree's root. */
async function metadataTree(name: string, files: Record<string, unknown>): Promise<string> {
  const latest = join(work, name, 'openstack/latest')
  await mkdir(latest, { recursive: true })
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(latest, file), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return join(work, name)
}

function metaData(hostname: string): object {
  return {
    meta: { uuid: 'not this one' },
    public_keys: { other: 'ssh-rsa AAAA other\n', mine: `${publicKey}\n` },
    hostname,
    uuid: UUID,
  }
}

test('the image is small, and a second build is the first one', async () => {
  assert.ok(image.size < 20e6, `the image has ${image.size} bytes`)
  const { stdout } = await run('sha512sum', [image.path])
  assert.equal(stdout.split(' ')[0], image.sha512)
  const lines: string[] = []
  assert.deepEqual(await buildGuestImage({ directory: CACHE, log: (line) => lines.push(line) }), image)
  assert.deepEqual(lines, [])
})

test('two builds at once leave one image and nothing else', async () => {
  const directory = join(work, 'builds')
  const both = await Promise.all([0, 1].map(() => buildGuestImage({ directory, log: () => undefined })))
  assert.deepEqual(both[0], both[1])
  assert.equal(both[0]!.sha512, image.sha512, 'the same inputs make the same bytes')
  assert.equal((await readdir(directory)).length, 2, 'the image and the note of the newest')
})

test('a missing tool is named with its Debian package', async () => {
  const path = process.env['PATH']
  process.env['PATH'] = work
  try {
    const building = buildGuestImage({ directory: join(work, 'no-tools'), log: () => undefined })
    await assert.rejects(building, { code: 'GuestImageToolMissing', mend: 'apt-get install apt' })
  } finally {
    process.env['PATH'] = path
  }
})

test('config drive on an IDE CD: keys, user data, hot plug', async (t) => {
  const port = await freePort()
  const tree = await metadataTree('cd', {
    'meta_data.json': metaData('web-1.novalocal'),
    user_data: '#!/bin/sh\necho "user data of $(hostname)"\nexec sleep 1000\n',
  })
  const drive = join(work, 'cd.iso')
  await run('genisoimage', [
    '-o',
    drive,
    '-ldots',
    '-allow-lowercase',
    '-allow-multidot',
    '-l',
    '-quiet',
    '-J',
    '-r',
    '-V',
    'config-2',
    tree,
  ])
  const guest = await startGuest(t, [
    ...['-machine', 'pc', '-drive', `file=${drive},media=cdrom,if=ide,format=raw`],
    ...['-netdev', `user,id=n,hostfwd=tcp:127.0.0.1:${port}-:22`, '-device', 'virtio-net-pci,netdev=n'],
  ])
  const ready = await guest.says(/^kilonova-tiny ready: (.*)\r$/m)
  assert.equal(ready[1], `web-1 ${UUID} 10.0.2.15`)
  assert.match(guest.console(), /^user data of web-1\r$/m)
  const where = { host: '127.0.0.1', port }
  assert.equal(await ssh('hostname', where), 'web-1')
  assert.match(await ssh('cat /etc/kilonova-tiny', where), /^[0-9a-f]{16}$/)
  assert.equal(await ssh('wc -l </root/.ssh/authorized_keys', where), '2')
  assert.equal(await ssh('mke2fs /dev/vda >/dev/null 2>&1; mount /dev/vda /mnt && echo mounted', where), 'mounted')

  await guest.says(/web-1 login: root/)
  guest.type('echo on the console $((6 * 7))')
  await guest.says(/^on the console 42\r$/m)

  await guest.monitor('netdev_add user,id=m,net=10.9.0.0/24')
  await guest.monitor('device_add virtio-net-pci,netdev=m,mac=52:54:00:00:00:99')
  guest.type('until ip addr show dev eth1 | grep 10.9.0.15; do usleep 300000; done 2>/dev/null')
  await guest.says(/inet 10\.9\.0\.15\/24/)
})

test('the power button and a reboot from inside', async (t) => {
  const guest = await startGuest(t, ['-machine', 'pc'])
  assert.equal((await guest.says(/^kilonova-tiny ready: (.*)\r$/m))[1], 'kilonova-tiny - -')
  await guest.says(/login: root/)
  const before = guest.console().length
  guest.type('reboot')
  await guest.says(/^kilonova-tiny ready: /m, before)
  assert.equal(guest.console().match(/ready: /g)?.length, 2)
  await guest.says(/login: root/, before)
  await guest.monitor('system_powerdown')
  assert.equal(await guest.ended, 0)
})

test('config drive as a FAT virtio disk on q35: static addresses', async (t) => {
  const port = await freePort()
  const mac = '52:54:00:00:00:42'
  const tree = await metadataTree('fat', {
    'meta_data.json': metaData('static'),
    'network_data.json': {
      links: [{ id: 'tap0', type: 'bridge', mtu: 1342, ethernet_mac_address: mac }],
      networks: [
        {
          type: 'ipv4',
          link: 'tap0',
          ip_address: '10.0.2.77',
          netmask: '255.255.255.0',
          routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.2.2' }],
        },
        { type: 'ipv6', link: 'tap0', ip_address: '2001:db8::77', netmask: 'ffff:ffff:ffff:ffff::', routes: [] },
      ],
      services: [{ type: 'dns', address: '192.0.2.53' }],
    },
  })
  const drive = join(work, 'config.raw')
  await run('mformat', ['-i', drive, '-C', '-v', 'config-2', '-T', '8192', '-h', '16', '-s', '32', '::'])
  await run('mcopy', ['-s', '-i', drive, join(tree, 'openstack'), '::'])
  const guest = await startGuest(t, [
    ...['-machine', 'q35', '-drive', `file=${drive},if=virtio,format=raw,readonly=on`],
    ...['-netdev', `user,id=n,hostfwd=tcp:127.0.0.1:${port}-10.0.2.77:22`],
    ...['-device', `virtio-net-pci,netdev=n,mac=${mac}`],
  ])
  assert.equal((await guest.says(/^kilonova-tiny ready: (.*)\r$/m))[1], `static ${UUID} 10.0.2.77`)
  const where = { host: '127.0.0.1', port }
  assert.match(await ssh('ip addr show dev eth0', where), /mtu 1342.*inet6 2001:db8::77\/64/s)
  assert.match(await ssh('ip route', where), /^default via 10\.0\.2\.2 dev eth0/m)
  assert.equal(await ssh('cat /etc/resolv.conf', where), 'nameserver 192.0.2.53')
  assert.equal(await ssh('pidof udhcpc || echo none', where), 'none')
})

const notRoot = process.getuid?.() === 0 ? false : 'network namespaces need root'

test('DHCP options, IPv6 and the metadata service', { skip: notRoot }, async (t) => {
  const namespace = `kn-guest-${systemRandom.uuid().slice(0, 8)}`
  const inside = ['ip', 'netns', 'exec', namespace]
  const ip = (...args: string[]) => run('ip', ['-n', namespace, ...args])
  await run('ip', ['netns', 'add', namespace])
  t.after(() => run('ip', ['netns', 'delete', namespace]))
  await ip('link', 'set', 'lo', 'up')
  await run(inside[0]!, [...inside.slice(1), 'ip', 'tuntap', 'add', 'tap0', 'mode', 'tap'])
  await ip('link', 'set', 'tap0', 'up')
  for (const address of ['10.7.0.1/24', '2001:db8:7::1/64', '169.254.169.254/32']) {
    await ip('addr', 'add', address, 'dev', 'tap0', ...(address.includes(':') ? ['nodad'] : []))
  }
  const serve = (args: readonly string[]): void => {
    const server = spawn(inside[0]!, [...inside.slice(1), ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    t.after(() => server.kill('SIGKILL'))
  }
  serve([
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--interface=tap0', '--pid-file='],
    ...['--dhcp-range=10.7.0.50,10.7.0.50', '--dhcp-range=2001:db8:7::,ra-only', '--dhcp-leasefile=/dev/null'],
    ...[
      '--dhcp-option=option:mtu,1400',
      '--dhcp-option=option:dns-server,10.7.0.53',
      '--dhcp-option=option:router,10.7.0.9',
    ],
    '--dhcp-option=option:classless-static-route,0.0.0.0/0,10.7.0.1,198.51.100.0/24,10.7.0.2,169.254.169.254/32,10.7.0.1',
  ])
  const tree = await metadataTree('service', {
    'meta_data.json': metaData('from-service'),
    user_data: '#!/bin/sh\necho "user data of $(hostname)"\n',
  })
  serve(['busybox', 'httpd', '-f', '-p', '169.254.169.254:80', '-h', tree])

  const tap = ['-netdev', 'tap,id=n,ifname=tap0,script=no,downscript=no', '-device', 'virtio-net-pci,netdev=n']
  const guest = await startGuest(t, ['-machine', 'pc', ...tap], inside)
  assert.equal((await guest.says(/^kilonova-tiny ready: (.*)\r$/m))[1], `from-service ${UUID} 10.7.0.50`)
  assert.match(guest.console(), /^user data of from-service\r$/m)
  const where = { host: '10.7.0.50', wrapper: inside }
  assert.match(await ssh('ip link show dev eth0', where), /mtu 1400/)
  const routes = await ssh('ip route', where)
  assert.match(routes, /^default via 10\.7\.0\.1 dev eth0/m)
  assert.match(routes, /^198\.51\.100\.0\/24 via 10\.7\.0\.2 dev eth0/m)
  assert.match(routes, /^169\.254\.169\.254 via 10\.7\.0\.1 dev eth0/m)
  assert.doesNotMatch(routes, /10\.7\.0\.9/, 'classless routes replace the router option')
  assert.equal(await ssh('cat /etc/resolv.conf', where), 'nameserver 10.7.0.53')
  assert.match(
    await ssh('until ip addr | grep "inet6 2001:db8:7:" | grep -v tentative; do sleep 1; done', where),
    /\/64/,
  )
})
