// Launching a private libvirtd: its own view of libvirt's directories, and only one for each directory.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { DaemonPlaces } from './daemon-files.ts'

export interface Start {
  places: DaemonPlaces
  libvirtd: string
  cache: string
  /** Empty for the machine's own. */
  hostname: string
  /** What is running since when: `bootId`. */
  boot: string
  listens: boolean
  /** Programs that the daemon shall not find. */
  covered: string[]
}

export interface Launched {
  /** Undefined while it runs. `busy`: another one holds the directory. */
  ended: { how: string; busy: boolean } | undefined
}

const BUSY = 75

// libvirt's directories are compiled in, so the daemon gets its own ones mounted over them where only it and its guests
// see it. What others mount later still arrives ("slave"). The lock is the daemon's for as long as it lives, since it
// inherits it; its guests do not. What libvirt keeps under /run is about processes, and it kills by the pids it finds
// there: so after another boot it is removed. Emulators of other machines are covered, for libvirt would probe each at
// the first call, which takes seconds.
const SCRIPT = `
set -e
directory=$1 cache=$2 libvirtd=$3 hostname=$4 boot=$5 listen=$6
shift 6
exec 9>"$directory/lock"
flock -n 9 || exit ${BUSY}
if [ "$(cat "$directory/boot" 2>/dev/null)" != "$boot" ]; then
  rm -rf "$directory/run"
  echo "$boot" > "$directory/boot"
fi
mkdir -p "$directory/run"
for part in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
  mount --bind "$directory/\${part%%:*}" "\${part#*:}"
done
mount --bind "$cache" /var/cache/libvirt
for file in passwd group; do
  if [ -e "$directory/$file" ]; then mount --bind "$directory/$file" "/etc/$file"; fi
done
for other; do mount --bind /dev/null "$other"; done
if [ -n "$hostname" ]; then echo "$hostname" > /proc/sys/kernel/hostname; fi
exec "$libvirtd" $listen --config "$directory/etc/libvirtd.conf" --pid-file "$directory/run/libvirtd.pid"
`

/** Starts it in a session of its own, so that it survives this process. */
export function launch(start: Start): Launched {
  const { places, libvirtd, cache, hostname, boot, listens, covered } = start
  const apart = ['--mount', '--propagation', 'slave', ...(hostname ? ['--uts'] : [])]
  const args = [places.directory, cache, libvirtd, hostname, boot, listens ? '--listen' : '', ...covered]
  const output = openSync(places.output, 'a', 0o600)
  try {
    const child = spawn('unshare', [...apart, '/bin/sh', '-c', SCRIPT, 'sh', ...args], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
    })
    const launched: Launched = { ended: undefined }
    child.once('error', (error) => {
      launched.ended = { how: `could not be started (${error.message})`, busy: false }
    })
    child.once('exit', (code, signal) => {
      launched.ended = { how: signal ? `was ended by ${signal}` : `ended with code ${code}`, busy: code === BUSY }
    })
    child.unref()
    return launched
  } finally {
    closeSync(output)
  }
}
