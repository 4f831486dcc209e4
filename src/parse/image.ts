import { createHash } from 'node:crypto'
import { type ImageRef, must, parseImageRef } from '../model/names.ts'
import type { Cursor } from './cursor.ts'
import { describe, listOf, quote } from './report.ts'
import type { PackageFiles } from './package-files.ts'

export interface UnitImage {
  readonly image?: ImageRef
  readonly dockerfile?: string
}

export interface ImageOptions {
  /** For experiments with descriptors of virtual machines: take every image for a Docker image. */
  readonly assumeDockerImages: boolean
}

/** What names a disk of a virtual machine rather than a container image. */
const diskName = /\.(?:qcow2?c?|raw|img|vmdk|vdi|iso|ova)(?:\.(?:gz|xz|tar|bz2|tar\.bz2|tar\.gz))?$/i

/** The image of a `virtual_deployment_units` entry: `vm_image` of format docker, or a docker file in the package. */
export const readVirtualImage = (
  unit: Cursor,
  names: readonly string[],
  files: PackageFiles,
  options: ImageOptions,
): UnitImage => {
  const image = unit.at('vm_image')
  if (options.assumeDockerImages) return assumeImage(image)
  return checkFormat(unit, image) ? readImage(image, names, files) : {}
}

/** The image of a `cloudnative_deployment_units` entry, which is always a container's. */
export const readCloudNativeImage = (
  unit: Cursor,
  names: readonly string[],
  files: PackageFiles,
  options: ImageOptions,
): UnitImage => {
  const image = unit.at('image')
  return options.assumeDockerImages ? assumeImage(image) : readImage(image, names, files)
}

const checkFormat = (unit: Cursor, image: Cursor): boolean => {
  const format = unit.at('vm_image_format')
  if (format.isAbsent || format.value === '') {
    if (typeof image.value === 'string' && diskName.test(image.value)) {
      image.error('IMAGE_FORMAT', `${describe(image.value)} names a virtual machine's disk; sond runs Docker images`)
      return false
    }
    format.notice('IMAGE_FORMAT', 'vm_image_format is missing; docker is assumed')
    return true
  }
  if (format.value === 'docker') return true
  if (typeof format.value === 'string' && format.value.toLowerCase() === 'docker') {
    format.notice('IMAGE_FORMAT', `vm_image_format is ${quote(format.value)}; it is taken as "docker"`)
    return true
  }
  format.error(
    'IMAGE_FORMAT',
    `vm_image_format is ${describe(format.value)}; sond runs Docker images, so "docker" is right`,
  )
  return false
}

/** @returns undefined after an error has been reported. */
const imageText = (image: Cursor): string | undefined => {
  if (typeof image.value === 'string' && image.value.trim() !== '') return image.value.trim()
  image.error('IMAGE', `the image is ${describe(image.value)}; a name such as "sonatanfv/fw:1.0" is right`)
  return undefined
}

const readImage = (image: Cursor, names: readonly string[], files: PackageFiles): UnitImage => {
  const text = imageText(image)
  if (text === undefined) return {}
  if (/^file:\/\//i.test(text)) return readDockerfile(image, text.slice('file://'.length), files)
  const ref = parseImageRef(text.replace(/^(?:https?:\/\/)+/i, ''))
  if (ref === undefined) {
    image.error(
      'IMAGE',
      `${quote(text)} is no image reference; a name in lower case such as "registry:5000/sonatanfv/fw:1.0" is right`,
    )
    return {}
  }
  const folder = names.map((name) => `docker_files/${name}`).find((path) => files.has(`${path}/Dockerfile`))
  return folder === undefined ? { image: ref } : { image: ref, dockerfile: folder }
}

const readDockerfile = (image: Cursor, reference: string, files: PackageFiles): UnitImage => {
  const path = reference.replace(/^\/+/, '')
  const folder = path.replace(/\/?Dockerfile$/, '')
  if (folder !== '' && files.has(`${folder}/Dockerfile`)) return { dockerfile: folder }
  const held = [...files.paths()].filter((other) => /(?:^|\/)Dockerfile$/.test(other))
  image.error(
    'DOCKERFILE_MISSING',
    `there is no docker file ${quote(path)} in a folder of the package; it holds ${listOf(held)}`,
  )
  return {}
}

/** Some reference for whatever is written: the same text gives the same one. */
const assumeImage = (image: Cursor): UnitImage => {
  const text = imageText(image)
  if (text === undefined) return {}
  const name = `assumed/${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
  return { image: parseImageRef(text.replace(/^(?:https?:\/\/)+/i, '')) ?? must(parseImageRef(name), name) }
}
