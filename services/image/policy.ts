// Who may do what with images. A rule's target is the image's owner; whether an image is seen at all is decided before.
import { admin, any, member, type Policy, reader } from '@kilonova/api/policy'

export const policy = {
  get_images: reader,
  get_image: reader,
  download_image: reader,
  add_image: member,
  modify_image: member,
  delete_image: member,
  upload_image: member,
  deactivate: member,
  reactivate: member,
  publicize_image: admin,
  communitize_image: member,
  get_members: reader,
  add_member: member,
  delete_member: member,
  modify_member: member,
  get_schemas: any,
  get_import_info: any,
} satisfies Policy

export type Rule = keyof typeof policy
