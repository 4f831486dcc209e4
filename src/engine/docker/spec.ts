import type { ContainerCreateOptions } from 'dockerode'
import type { DesiredContainer } from '../../model/desired.ts'
import type { Owner } from '../../model/names.ts'
import { labels } from '../../model/ownership.ts'
import { gateCommand, gateMount } from './gate-script.ts'
import { toDockerLimits } from './limits.ts'
import { nameFiles } from './name-files.ts'

/** What matters of an image. */
export interface ImageProgram {
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** `NAME=value`. */
  readonly env: readonly string[]
}

/** The image's environment with the container's put over it, as Docker will make it. */
const environment = (image: ImageProgram, env: Readonly<Record<string, string>>): string[] => {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='))
  const kept = image.env.filter((entry) => !Object.hasOwn(env, nameOf(entry)))
  return [...kept, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)]
}

/**
 * What a container without a network of Docker's needs beside `NetworkMode: none`. Docker would start itself once more for each of
 * them, to take hold of a network namespace that it then does nothing with: a third of the CPU that a container's start takes. With
 * networking disabled there is the same namespace, with its loopback, but the files that Docker writes for its networks are missing.
 */
const withoutNetwork = ({ volumes }: DesiredContainer, gateDirectory: string) =>
  nameFiles
    .map((name) => ({ Type: 'bind' as const, Source: `${gateDirectory}/${name}`, Target: `/etc/${name}` }))
    .filter(({ Target }) => volumes.every(({ container }) => container.replace(/:ro$/, '') !== Target))

/** Docker's words for a container of ours. */
export const createOptions = (
  container: DesiredContainer,
  image: ImageProgram,
  gateDirectory: string,
  owner: Owner,
): ContainerCreateOptions => ({
  name: container.name,
  Image: container.image,
  Hostname: container.hostname,
  Env: Object.entries(container.env).map(([key, value]) => `${key}=${value}`),
  Labels: { ...container.labels, [labels.owner]: owner },
  ...gateCommand(image, environment(image, container.env)),
  ...(container.network.kind === 'none' ? { NetworkDisabled: true } : {}),
  // Many VNF images have a shell as their program, which ends at once where its input does.
  OpenStdin: true,
  HostConfig: {
    ...toDockerLimits(container.limits),
    NetworkMode: container.network.kind,
    RestartPolicy: { Name: 'no' },
    CapAdd: container.privileged ? [] : ['NET_ADMIN'],
    Privileged: container.privileged,
    Sysctls: { 'net.ipv4.ip_forward': '1' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    // Mounts, not binds: a bind whose source is missing makes an empty directory of it.
    Mounts: [
      { Type: 'bind', Source: gateDirectory, Target: gateMount, ReadOnly: true },
      ...(container.network.kind === 'none' ? withoutNetwork(container, gateDirectory) : []),
      ...container.volumes.map(({ host, container: target }) => {
        const readOnly = target.endsWith(':ro')
        return {
          Type: 'bind' as const,
          Source: host,
          Target: readOnly ? target.slice(0, -3) : target,
          ReadOnly: readOnly,
        }
      }),
    ],
  },
})
