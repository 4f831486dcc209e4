import { formatListenAddress, isLoopback, parseListenAddress } from '../../src/api/address.ts'
import { groupId } from '../../src/api/listeners.ts'
import { parseObjectReference } from '../../src/api/kinds.ts'
import { safeFileName } from '../../src/api/upload.ts'
import { parseTimeout } from '../../src/cli/duration.ts'
import { CliError } from '../../src/cli/errors.ts'
import { formatServer, parseServer } from '../../src/cli/server-address.ts'
import { registryOf } from '../../src/engine/docker/credentials.ts'
import { fromDockerLimits } from '../../src/engine/docker/limits.ts'
import * as names from '../../src/model/names.ts'
import { cleanInterfaceName, nameInterfaces } from '../../src/parse/interface-name.ts'
import { parsePackageRef } from '../../src/parse/package-ref.ts'
import { didYouMean } from '../../src/parse/suggest.ts'
import * as units from '../../src/parse/units.ts'
import { type Target, bytesOf, promise, textOf, tolerate } from './target.ts'

const samples = `tcp:[::1]:80
unix:/run/sond/sond.sock
http://127.0.0.1:8080
1m30s 512MB 1.5 GiB 100Mbps 0.1% 0,2-3
vendor/name:1.0
sha256:${'a'.repeat(64)}
registry.example:5000/a/b__c:tag@sha256:${'b'.repeat(64)}
10.30.0.1/30
instance/demo
a..%2f/../b.son
root:x:0:
vnf:input_0.1`

const isUsage = (error: unknown): boolean => error instanceof CliError

/** Each promises that what it gives back is what its name says, whatever it was given. */
const checkWord = (word: string): void => {
  const address = parseListenAddress(word)
  if (typeof address !== 'string') {
    promise(typeof parseListenAddress(formatListenAddress(address)) !== 'string', () => `${word} is not read back`)
    if (address.kind === 'tcp') isLoopback(address.host)
  }
  tolerate(isUsage, () => formatServer(parseServer(word)))
  tolerate(isUsage, () => promise(parseTimeout(word) >= 0, () => `${word} is less than nothing`))
  for (const parse of [units.parseDuration, units.parseSize, units.parseRate, units.parsePercent]) {
    const value = parse(word)
    promise(value === undefined || (Number.isFinite(value) && value >= 0), () => `${word} is ${String(value)}`)
  }
  const cpus = units.parseCpuSet(word)
  promise(cpus === undefined || /^[\d,-]+$/.test(cpus), () => `a CPU set is ${String(cpus)}`)
  fromDockerLimits({ CpusetCpus: word }, '0-3')
  parsePackageRef(word)
  parseObjectReference(word)
  registryOf(word)
  groupId(word, 'sond')
  didYouMean(word.slice(0, 200), ['ServiceInstance', 'DataCenter'])
  const file = safeFileName(word, 'f'.repeat(64))
  promise(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:son|tgo)$/.test(file) && file.length < 120,
    () => `a file's name is ${file}`,
  )
  const clean = cleanInterfaceName(word)
  promise(
    clean === undefined || names.parseInterfaceName(clean) !== undefined,
    () => `an interface is ${String(clean)}`,
  )
  for (const parse of [
    names.parseObjectName,
    names.parseVnfId,
    names.parseContainerName,
    names.parseImageRef,
    names.parseCidr,
  ]) {
    const name = parse(word)
    promise(name === undefined || /^[\x21-\x7e]+$/.test(name), () => `a name is ${String(name)}`)
    promise(name?.startsWith('-') !== true, () => `a name is an option: ${String(name)}`)
  }
}

/** Single words: addresses, names, quantities. */
export const wordTargets: readonly Target[] = [
  {
    name: 'words',
    seeds: [bytesOf(samples)],
    run: (input) => {
      const words = textOf(input).split('\n')
      for (const word of [...words, textOf(input)]) checkWord(word)
      const points = [...new Set(words)].map((id) => ({ id }))
      const given = nameInterfaces(points).map(({ name }) => name)
      promise(new Set(given).size === given.length, () => `two interfaces of one name: ${given.join(' ')}`)
    },
  },
]
