import type { ActualState } from '../model/actual.ts'
import type { DesiredContainer, DesiredState } from '../model/desired.ts'
import type { ContainerName, PortName } from '../model/names.ts'

/**
 * Whether new connections go to the replica behind a port: not while its image's check fails, or has not passed yet. A container that is
 * to start has a check where another of its image has one.
 *
 * @param starts - A new run of the container begins.
 */
export const takesNewConnections = (
  desired: Pick<DesiredState, 'interfaces' | 'containers'>,
  actual: Pick<ActualState, 'containers'>,
  starts: (container: ContainerName) => boolean,
): ((port: PortName) => boolean) => {
  const observed = new Map(actual.containers.map((one) => [one.name, one]))
  const checked = new Set(actual.containers.flatMap(({ health, image }) => (health === undefined ? [] : [image])))
  const takes = ({ name, image }: DesiredContainer): boolean => {
    const found = observed.get(name)
    if (found === undefined || starts(name)) return !checked.has(image)
    return found.health === undefined || found.health === 'healthy'
  }
  const unwell = new Set(desired.containers.filter((one) => !takes(one)).map(({ name }) => name))
  const ports = new Set(desired.interfaces.filter((one) => unwell.has(one.container)).map(({ port }) => port))
  return (port) => !ports.has(port)
}
