import { stringify } from 'yaml'
import { writePackage } from '../../src/parse/package-writer.ts'

/** Small services for tests, as packages and manifests. */

export interface FunctionSketch {
  readonly id: string
  readonly image: string
  readonly interfaces: readonly string[]
  /** `resource_requirements` of its unit. */
  readonly resources?: Readonly<Record<string, unknown>>
  /** Those of `interfaces` that are for management. */
  readonly management?: readonly string[]
  /** Fields of its descriptor that are otherwise than the sketch says. */
  readonly descriptor?: Readonly<Record<string, unknown>>
}

export interface ServiceSketch {
  readonly name: string
  readonly version?: string
  readonly functions: readonly FunctionSketch[]
  /** `[id, type, end, end, ...]`, an end being `vnf:interface`. */
  readonly links: readonly (readonly [id: string, type: string, ...ends: string[]])[]
  /** Further files of the package, by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  /** Points of the service, by id. */
  readonly points?: Readonly<Record<string, string>>
  /** False: the NSD has no `forwarding_graphs` key. */
  readonly forwardingGraphs?: boolean
}

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(stringify(value))

const functionDescriptor = (
  { id, image, interfaces, resources, management = [], descriptor = {} }: FunctionSketch,
  version: string,
) => ({
  descriptor_version: 'vnfd-schema-01',
  vendor: 'test.sond.dev',
  name: `${id}-vnf`,
  version,
  virtual_deployment_units: [
    {
      id: 'vdu01',
      vm_image: image,
      vm_image_format: 'docker',
      resource_requirements: resources ?? {
        cpu: { vcpus: 1 },
        memory: { size: 64, size_unit: 'MB' },
        storage: { size: 1, size_unit: 'GB' },
      },
      connection_points: interfaces.map((name) => ({ id: `vdu01:${name}`, interface: 'ipv4', type: 'internal' })),
    },
  ],
  connection_points: interfaces.map((name) => ({
    id: name,
    interface: 'ipv4',
    type: management.includes(name) ? 'management' : 'internal',
  })),
  ...descriptor,
})

/** A `.son` of a sketch; the same sketch gives the same bytes. */
export const buildPackage = (sketch: ServiceSketch): Promise<Uint8Array> => {
  const version = sketch.version ?? '0.1'
  const service = {
    descriptor_version: '1.0',
    vendor: 'test.sond.dev',
    name: sketch.name,
    version,
    network_functions: sketch.functions.map(({ id }) => ({
      vnf_id: id,
      vnf_vendor: 'test.sond.dev',
      vnf_name: `${id}-vnf`,
      vnf_version: version,
    })),
    connection_points: Object.entries(sketch.points ?? {}).map(([id, type]) => ({ id, interface: 'ipv4', type })),
    virtual_links: sketch.links.map(([id, type, ...ends]) => ({
      id,
      connectivity_type: type,
      connection_points_reference: ends,
    })),
    ...(sketch.forwardingGraphs === false ? {} : { forwarding_graphs: [] }),
  }
  const files = new Map([
    ['service_descriptors/nsd.yml', bytes(service)],
    ...Object.entries(sketch.files ?? {}).map(
      ([path, content]) => [path, typeof content === 'string' ? new TextEncoder().encode(content) : content] as const,
    ),
    ...sketch.functions.map(
      (one) => [`function_descriptors/${one.id}.yml`, bytes(functionDescriptor(one, version))] as const,
    ),
  ])
  return writePackage(files, {
    vendor: 'test.sond.dev',
    name: sketch.name,
    version,
    description: 'a service for tests',
    maintainer: 'the tests',
    service: 'service_descriptors/nsd.yml',
  })
}

/** A ServiceInstance manifest. */
export const buildManifest = (name: string, packageRef: string, spec: Readonly<Record<string, unknown>> = {}): string =>
  stringify({
    apiVersion: 'sond.dev/v1alpha1',
    kind: 'ServiceInstance',
    metadata: { name },
    spec: { package: packageRef, ...spec },
  })

/** A chain `f1 - f2 - ... - fN` of E-Lines, each function with `input` and `output`. */
export const chainSketch = (name: string, length: number, image: string): ServiceSketch => ({
  name,
  functions: Array.from({ length }, (_, index) => ({
    id: `f${index + 1}`,
    image,
    interfaces: ['input', 'output'],
  })),
  links: Array.from(
    { length: length - 1 },
    (_, index) => [`l${index + 1}`, 'E-Line', `f${index + 1}:output`, `f${index + 2}:input`] as const,
  ),
})
