import t from 'tap'
import { EngineError } from '../../src/model/errors.ts'
import {
  must,
  parseBridgeName,
  parseCidr,
  parseContainerName,
  parseCookie,
  parseImageRef,
  parseInterfaceName,
  parseLinkId,
  parseMacAddress,
  parseObjectName,
  parseOwner,
  parsePackageDigest,
  parsePortName,
  parseVnfId,
} from '../../src/model/names.ts'

const hex = (length: number): string => 'a'.repeat(length)

const cases: readonly (readonly [
  what: string,
  parse: (text: string) => string | undefined,
  good: readonly string[],
  bad: readonly string[],
])[] = [
  ['object name', parseObjectName, ['a', 'a-1', hex(63)], ['', 'A', '-a', 'a-', 'a.b', hex(64)]],
  ['VNF id', parseVnfId, ['vnf_1', '_x', 'A-b'], ['', '-a', 'a b', 'a;b', '$(x)', 'ü', 'a\nb', hex(64)]],
  ['interface', parseInterfaceName, ['input', 'S1-MME'], ['', 'a_b', 'a/b', '..', 'i%d', hex(16)]],
  ['container', parseContainerName, ['sond.demo.0.vnf_fw.0'], ['', 'a', '.a', 'a b', '/a']],
  ['bridge', parseBridgeName, ['sond-dc1'], ['', '-x', 'a b', hex(16)]],
  ['port', parsePortName, ['svabc'], ['', '--x', hex(16)]],
  ['CIDR', parseCidr, ['10.0.0.1/30', '0.0.0.0/0'], ['10.0.0.1', '10.0.0.256/24', '10.0.0.1/33', 'x/1']],
  ['MAC', parseMacAddress, ['02:00:00:00:00:01'], ['02:00', '02-00-00-00-00-01', '02:00:00:00:00:0G']],
  ['digest', parsePackageDigest, [`sha256:${hex(64)}`], [hex(64), 'sha256:abc']],
  ['cookie', parseCookie, [`0x50dd${hex(12)}`], ['0x1', `0x50de${hex(12)}`]],
  ['owner', parseOwner, ['sond', 'a.b-c_d'], ['', '.a', 'a b', hex(33)]],
  ['link id', parseLinkId, ['l', 'a link: with $(text)'], ['', 'a\u0007', 'x'.repeat(257)]],
  [
    'image',
    parseImageRef,
    ['fw', 'team/fw:2', 'registry.example:5000/team/fw:2', `fw@sha256:${hex(64)}`],
    ['', '-v', '--help', '/etc/passwd', 'Fw', 'fw:', 'a b', 'ü', 'a'.repeat(501)],
  ],
]

for (const [what, parse, good, bad] of cases) {
  void t.test(what, (t) => {
    for (const text of good) t.equal(parse(text), text, `takes ${JSON.stringify(text.slice(0, 40))}`)
    for (const text of bad) t.equal(parse(text), undefined, `refuses ${JSON.stringify(text.slice(0, 40))}`)
    t.end()
  })
}

void t.test('must gives what was parsed, and throws where nothing was', (t) => {
  t.equal(must(parseObjectName('demo'), 'demo'), 'demo')
  t.throws(() => must(parseObjectName('De mo'), 'De mo'), { message: 'not a valid name: "De mo"' })
  t.end()
})

void t.test('an engine error tells what failed, about what, and why', (t) => {
  const cause = new Error('no route')
  t.match(new EngineError('IMAGE_NOT_FOUND', { image: 'fw' }, { cause }), {
    code: 'IMAGE_NOT_FOUND',
    message: 'the image is not on this host and cannot be pulled (image=fw)',
    cause,
  })
  t.equal(new EngineError('UNAVAILABLE', {}).message, 'the engine does not answer')
  t.end()
})
