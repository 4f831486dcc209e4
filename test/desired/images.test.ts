import t from 'tap'
import { isImageAllowed } from '../../src/desired/images.ts'
import { must, parseImageRef } from '../../src/model/names.ts'

const rows: readonly (readonly [image: string, allowed: readonly string[], result: boolean])[] = [
  ['fw', ['*'], true],
  ['fw', [], false],
  ['fw', ['fw'], true],
  ['fw:2', ['fw'], false],
  ['registry.example/team/fw:2', ['registry.example/*'], true],
  ['evil.example/registry.example/fw', ['registry.example/*'], false],
  ['team/fw:stable', ['*:stable'], true],
  ['team/fw:unstable', ['*:stable'], false],
  ['a/team/fw:2', ['a/*/fw:*'], true],
  ['a/team/dpi:2', ['a/*/fw:*'], false],
  ['a/b', ['a/*b/*b'], false],
  ['a/fw', ['x', 'a/*'], true],
]

void t.test('a pattern stands for any text where its star is', (t) => {
  for (const [image, allowed, result] of rows)
    t.equal(isImageAllowed(must(parseImageRef(image), image), allowed), result, `${image} by ${allowed.join(', ')}`)
  t.end()
})
