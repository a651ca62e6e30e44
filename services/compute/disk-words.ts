// Words on servers' disks that users, the scheduler and hosts share.

/** What a disk can be made as. */
export const IMAGES_TYPES = ['qcow2', 'raw', 'lvm', 'lvm_qcow2'] as const

/** The extra spec that names one for all disks of a server that its request says nothing of. */
export const IMAGES_TYPE_SPEC = 'kilonova:images_type'

/** What placement says of hosts where new disks can be asked to be made so. */
export const imagesTypeTrait = (name: string): string => `CUSTOM_IMAGES_TYPE_${name.toUpperCase()}`

/** What an ephemeral disk can be formatted with. */
export const FILE_SYSTEMS = ['ext2', 'ext3', 'ext4', 'xfs', 'vfat', 'ntfs'] as const

/** What a local disk can sit on. */
export const LOCAL_BUSES = ['virtio', 'scsi', 'sata', 'ide', 'usb'] as const
