// The images of a compute host: from the image service, and looked into once more, whoever vouched for them there.
import { adminContext } from '@kilonova/base/context'
import { ImageCache } from '@kilonova/compute/agent/disks/image-cache'
import type { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import { refusals } from '@kilonova/image/acceptance'
import type { ImageClient } from '@kilonova/image/client'
import { inspectFile } from '@kilonova/image/inspect-file'

export function hostImageCache(paths: InstancePaths, image: ImageClient): ImageCache {
  return new ImageCache({ paths, source: imageSource(image), inspect: refuseUnsafe })
}

function imageSource(image: ImageClient) {
  return {
    async open(id: string) {
      const context = adminContext()
      if (image.path) return { path: await image.path(context, id) }
      return { stream: await image.open(context, id) }
    },
  }
}

async function refuseUnsafe(path: string, diskFormat: string): Promise<void> {
  const problems = refusals(diskFormat, await inspectFile(path))
  if (problems.length > 0) throw new Error(problems.map(({ what, why }) => `${what}: ${why}`).join('; '))
}
