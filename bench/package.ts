import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'

const vendor = 'dev.sond.bench'
const version = '1.0'

/** Name of the image that every function runs, and the bare engine too. */
export const benchImage = 'sond-bench/idle:1'

/** Writes the source of a package, for `sonctl package`: `size` functions, each linked to the next by an E-Line. */
export const writeChain = async (directory: string, name: string, size: number): Promise<void> => {
  const ids = Array.from({ length: size }, (_, index) => `f${index}`)
  const points = ['left', 'right'].map((id) => ({ id, interface: 'ipv4', type: 'internal' }))
  const about = { vendor, name, version, author: 'bench', description: `a chain of ${size} functions` }
  const service = {
    descriptor_version: '1.0',
    ...about,
    network_functions: ids.map((id) => ({ vnf_id: id, vnf_vendor: vendor, vnf_name: 'idle', vnf_version: version })),
    virtual_links: ids.slice(1).map((id, index) => ({
      id: `hop${index}`,
      connectivity_type: 'E-Line',
      connection_points_reference: [`f${index}:right`, `${id}:left`],
    })),
  }
  const unit = {
    id: 'main',
    vm_image: benchImage,
    vm_image_format: 'docker',
    resource_requirements: { cpu: { vcpus: 1 }, memory: { size: 64, size_unit: 'MB' } },
    connection_points: points,
  }
  const vnf = {
    descriptor_version: 'vnfd-schema-01',
    ...about,
    name: 'idle',
    virtual_deployment_units: [unit],
    connection_points: points,
    virtual_links: points.map(({ id }) => ({
      id,
      connectivity_type: 'E-Line',
      connection_points_reference: [`main:${id}`, id],
    })),
  }
  for (const folder of ['service_descriptors', 'function_descriptors']) {
    await mkdir(join(directory, folder), { recursive: true })
  }
  await writeFile(join(directory, 'package.yml'), stringify({ vendor, name, version, maintainer: 'bench' }))
  await writeFile(join(directory, 'service_descriptors', 'nsd.yml'), stringify(service))
  await writeFile(join(directory, 'function_descriptors', 'idle.yml'), stringify(vnf))
}

export const manifestOf = (instance: string, package_: string): string =>
  stringify({
    apiVersion: 'sond.dev/v1alpha1',
    kind: 'ServiceInstance',
    metadata: { name: instance },
    spec: { package: package_ },
  })
