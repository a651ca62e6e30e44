// The dated versions of the two metadata trees, oldest first.

export const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const

export const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  '2025-04-04',
] as const

/** EC2 versions that config_drive_skip_versions keeps off the drive. */
export const SKIPPED_ON_DRIVE: readonly string[] = EC2_VERSIONS.slice(0, -1)

/** The version that a path names, `latest` being the newest; undefined if there is none. */
export function resolveVersion(versions: readonly string[], asked: string): string | undefined {
  return asked === 'latest' ? versions.at(-1) : versions.find((version) => version === asked)
}
