// Every error that a caller of the image service may see.
import { faultsOf } from '@kilonova/base/fault'

interface ById {
  id: string
}

export const fault = faultsOf({
  ImageNotFound: { status: 404, kind: '', say: ({ id }: ById) => `No image found with ID ${id}` },
  ImageIdTaken: { status: 409, kind: '', say: ({ id }: ById) => `Image ID ${id} already exists!` },
  ImageProtected: {
    status: 403,
    kind: '',
    say: ({ id }: ById) => `Image ${id} is protected and cannot be deleted.`,
    mend: ({ id }: ById) => `openstack image set --unprotected ${id}`,
  },
  ImageNotAllowed: {
    status: 403,
    kind: '',
    say: ({ rule }: { rule: string }) => `You are not authorized to complete ${rule} action.`,
  },
  ImageDeactivated: {
    status: 403,
    kind: '',
    say: ({ id }: ById) => `The requested image ${id} has been deactivated. Image data download is forbidden.`,
  },
  ImageStateConflict: {
    status: 409,
    kind: '',
    say: ({ from, to }: { from: string; to: string }) => `Image status transition from ${from} to ${to} is not allowed`,
  },
  ImageHasNoData: {
    status: 409,
    kind: '',
    say: ({ id }: ById) => `Image ${id} has no data yet.`,
    mend: ({ id }: ById) => `upload the data first: PUT /v2/images/${id}/file`,
  },
  ImageGone: {
    status: 410,
    kind: '',
    say: ({ id }: ById) => `Image ${id} could not be found after upload. The image may have been deleted during it.`,
  },
  ActionNotAllowed: {
    status: 403,
    kind: '',
    say: ({ action, status }: { action: string; status: string }) =>
      `Not allowed to ${action} image in status '${status}'`,
  },
  FormatsMissing: {
    status: 400,
    kind: '',
    say: ({ missing }: { missing: string }) => `Properties ${missing} must be set prior to saving data.`,
  },
  ContentRefused: {
    status: 415,
    kind: '',
    say: ({ problems }: { problems: string[] }) => `Image content is not acceptable: ${problems.join(' ')}`,
    mend: () => 'look at the file with qemu-img info, convert it to a plain qcow2 or raw image, and upload that',
  },
  ImageTooLarge: {
    status: 413,
    kind: '',
    say: ({ limit }: { limit: number }) => `The image is too large: at most ${limit} bytes are allowed.`,
  },
  NoSpace: {
    status: 507,
    kind: '',
    say: () => 'There is not enough space for the image data. Delete images, or ask the operator for room.',
  },
  UploadTooSlow: {
    status: 408,
    kind: '',
    say: ({ seconds }: { seconds: number }) => `The upload was ended: it brought almost nothing within ${seconds} s.`,
  },
  UploadBrokenOff: {
    status: 400,
    kind: '',
    say: () => 'The upload was broken off before all of its bytes arrived.',
  },
  ServiceStopping: { status: 503, kind: '', say: () => 'The service is stopping; upload the image again.' },
  RangeNotSatisfiable: {
    status: 416,
    kind: '',
    say: ({ range, size }: { range: string; size: number }) =>
      `The byte range ${range} does not lie within the image of ${size} bytes.`,
  },
  AttributeReadOnly: {
    status: 403,
    kind: '',
    say: ({ name }: { name: string }) => `Attribute '${name}' is read-only.`,
  },
  AttributeReserved: {
    status: 403,
    kind: '',
    say: ({ name }: { name: string }) => `Attribute '${name}' is reserved.`,
  },
  AttributeOnlyQueued: {
    status: 403,
    kind: '',
    say: ({ name }: { name: string }) => `Attribute ${name} can be only replaced for a queued image.`,
  },
  AttributeNotRemovable: {
    status: 403,
    kind: '',
    say: ({ name }: { name: string }) => `Property ${name} may not be removed.`,
  },
  OwnerNotAllowed: {
    status: 403,
    kind: '',
    say: ({ owner }: { owner: string | null }) => `You are not permitted to create images owned by '${owner}'.`,
  },
  OwnerNotChangeable: { status: 403, kind: '', say: () => "Owner can't be updated by non admin." },
  PropertyNotFound: {
    status: 409,
    kind: '',
    say: ({ name }: { name: string }) => `Property ${name} does not exist.`,
  },
  PropertyExists: {
    status: 409,
    kind: '',
    say: ({ name }: { name: string }) => `Property ${name} already present.`,
  },
  LimitExceeded: {
    status: 413,
    kind: '',
    say: ({ what, attempted, limit }: { what: string; attempted: number; limit: number }) =>
      `The limit has been exceeded on the number of allowed image ${what}. Attempted: ${attempted}, Maximum: ${limit}`,
  },
  Invalid: { status: 400, kind: '', say: ({ message }: { message: string }) => message },
  MarkerNotFound: { status: 400, kind: '', say: ({ id }: ById) => `Invalid marker. Image could not be found: ${id}` },
  TagNotFound: { status: 404, kind: '', say: ({ tag }: { tag: string }) => `Failed to find tag '${tag}' of the image` },
  MemberNotFound: {
    status: 404,
    kind: '',
    say: ({ member }: { member: string }) => `No member found with ID ${member}`,
  },
  MemberExists: {
    status: 409,
    kind: '',
    say: ({ member, id }: { member: string; id: string }) => `Member ${member} is duplicated for image ${id}`,
  },
  NotShared: {
    status: 403,
    kind: '',
    say: () => 'Only shared images have members.',
    mend: () => 'set the visibility of the image to shared',
  },
})
