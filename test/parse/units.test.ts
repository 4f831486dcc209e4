import t from 'tap'
import { bytesPerUnit, parseCpuSet, parseDuration, parsePercent, parseRate, parseSize } from '../../src/parse/units.ts'

const table = (name: string, parse: (text: string) => unknown, rows: Readonly<Record<string, unknown>>): void => {
  t.test(name, (t) => {
    for (const [text, value] of Object.entries(rows)) t.equal(parse(text), value, JSON.stringify(text))
    t.end()
  })
}

table('durations are milliseconds', parseDuration, {
  '200ms': 200,
  '5s': 5_000,
  '1m30s': 90_000,
  '1.5h': 5_400_000,
  '596h': 2_145_600_000,
  '597h': undefined,
  '999999999h': undefined,
  '0': 0,
  '0s': 0,
  '5': undefined,
  '5 s': undefined,
  '-5s': undefined,
  '5d': undefined,
  '': undefined,
})

table('units of memory are powers of 1024 in every spelling', bytesPerUnit, {
  B: 1,
  KB: 1024,
  kb: 1024,
  Mi: 1024 ** 2,
  MiB: 1024 ** 2,
  G: 1024 ** 3,
  gB: 1024 ** 3,
  TB: 1024 ** 4,
  '': undefined,
  i: undefined,
  iB: undefined,
  PB: undefined,
  'GB ': undefined,
})

table('sizes are bytes', parseSize, {
  '512MB': 512 * 1024 ** 2,
  '1.5 GiB': 1.5 * 1024 ** 3,
  '512': undefined,
  '5XB': undefined,
  '-1MB': undefined,
  '1024TB': 1024 ** 5,
  '1025TB': undefined,
  '999999999999999TB': undefined,
})

table('rates are bits per second', parseRate, {
  '100Mbps': 1e8,
  '64kbps': 64_000,
  '64Kbps': 64_000,
  '1.5Gbit/s': 1.5e9,
  '10mbps': undefined,
  '9600bps': 9600,
  '1000000Gbps': 1e15,
  '999999999999999Gbps': undefined,
  '10MBps': undefined,
  '100': undefined,
})

table('shares are percent', parsePercent, {
  '0.1%': 0.1,
  '100 %': 100,
  '101%': undefined,
  '1': undefined,
  '-1%': undefined,
})

table('CPU sets are lists of numbers and ranges', parseCpuSet, {
  '0': '0',
  '0,1': '0,1',
  '0-3, 5': '0-3,5',
  '3-1': undefined,
  '0 --privileged': undefined,
  '0,': undefined,
  '': undefined,
  [Array.from({ length: 120 }, () => '1').join(',')]: undefined,
})
