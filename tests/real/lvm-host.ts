// A volume group that a cloud finds on this host by LVM's own commands. Where the kernel has no device-mapper, loop
// devices stand for it: each command of LVM that changes volumes is followed by mapping them anew.
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { HAS_DEVICE_MAPPER, TestVolumeGroup } from '@kilonova/compute/agent/disks/testing'

const CHANGES = ['lvcreate', 'lvextend', 'lvrename', 'lvremove', 'lvchange']

/** Each volume is one piece, and has a device of its own at /dev/<group>/<volume>, which follows its place and size. */
const SCRIPT = `#!/bin/sh
exec 9>"$LVM_SYSTEM_DIR/lock"
flock 9
/usr/sbin/lvm "\${0##*/}" "$@" 9>&- || exit
folder=/dev/$KILONOVA_TEST_GROUP
plain='--noheadings --units b --nosuffix'
set -- $(/usr/sbin/lvm pvs $plain -o pe_start,vg_extent_size,pv_name -S vg_name=$KILONOVA_TEST_GROUP 9>&-)
start=$1 extent=$2 device=$3
volumes=$(/usr/sbin/lvm lvs $plain -o lv_name,seg_pe_ranges $KILONOVA_TEST_GROUP 9>&- | tr -s ' ')
for link in "$folder"/*; do
  [ -L "$link" ] || continue
  echo "$volumes" | grep -q "^ \${link##*/} " && continue
  losetup --detach "$(readlink "$link")"
  rm "$link"
done
mkdir -p "$folder"
echo "$volumes" | while read -r volume range; do
  [ -n "$volume" ] || continue
  range=\${range##*:}
  first=\${range%-*} last=\${range#*-}
  offset=$((start + first * extent)) length=$(((last - first + 1) * extent))
  link=$folder/$volume
  if [ -L "$link" ]; then
    loop=$(readlink "$link")
    [ "$(echo $(losetup --noheadings --output OFFSET,SIZELIMIT "$loop"))" = "$offset $length" ] && continue
    losetup --detach "$loop"
    rm "$link"
  fi
  ln -s "$(losetup --find --show --offset $offset --sizelimit $length "$device")" "$link"
done
`

export class LvmHost {
  readonly #group: TestVolumeGroup

  private constructor(group: TestVolumeGroup) {
    this.#group = group
  }

  static async make(size: number): Promise<LvmHost> {
    const host = new LvmHost(await TestVolumeGroup.make(size))
    await mkdir(host.#commands)
    await writeFile(join(host.#commands, '.changes'), SCRIPT, { mode: 0o755 })
    for (const command of CHANGES) await symlink('.changes', join(host.#commands, command))
    return host
  }

  /** images_volume_group */
  get name(): string {
    return this.#group.name
  }

  /** For processes that are to find the group. */
  get env(): Record<string, string> {
    const own = { LVM_SYSTEM_DIR: this.#group.env['LVM_SYSTEM_DIR']!, LVM_SUPPRESS_FD_WARNINGS: '1' }
    if (HAS_DEVICE_MAPPER) return own
    return { ...own, KILONOVA_TEST_GROUP: this.name, PATH: `${this.#commands}:${process.env['PATH']}` }
  }

  async volumes(): Promise<string[]> {
    const { stdout } = await run('lvs', ['--noheadings', '-o', 'lv_name', this.name], { env: this.#group.env })
    return stdout.split('\n').flatMap((line) => line.trim() || [])
  }

  async close(): Promise<void> {
    const env = { ...process.env, ...this.env }
    for (const volume of await this.volumes()) await run('lvremove', ['-f', `${this.name}/${volume}`], { env })
    if (!HAS_DEVICE_MAPPER) await rm(`/dev/${this.name}`, { recursive: true, force: true })
    await this.#group.close()
  }

  /** Volumes that have a device. */
  async devices(): Promise<string[]> {
    return readdir(`/dev/${this.name}`).catch(() => [])
  }

  get #commands(): string {
    return join(this.#group.directory, 'commands')
  }
}
