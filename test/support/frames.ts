import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import type { Place } from './reach.ts'

/**
 * Raw frames, sent and seen as root in a function's namespace would. By packet sockets (packet(7)) from Perl: it is on every Debian, and
 * needs nothing in the image.
 */

/** Local experimental EtherType (IEEE 802): no protocol stack answers it. */
const etherType = '88b5'

const sender = `
socket(my $s, 17, 3, 0) or die "socket: $!";
while (<STDIN>) {
  my ($index, $hex) = split;
  send($s, pack('H*', $hex), 0, pack('S n i S C C a8', 17, 0x88b5, $index, 0, 0, 6, '')) or die "send: $!";
}`

// Frames that leave (packet type 4) are seen too, and are not what is asked for. 33: SO_RCVBUFFORCE, room for a flood (socket(7)).
const listener = `
socket(my $s, 17, 3, unpack('S', pack('n', 3))) or die "socket: $!";
setsockopt($s, 1, 33, 16777216) or die "setsockopt: $!";
$| = 1;
print "ready\\n";
while (defined(my $from = recv($s, my $frame, 4096, 0))) {
  my (undef, undef, $index, undef, $type) = unpack('S n i S C', $from);
  next if $type == 4;
  print "$index $1\\n" if $frame =~ /PROBE<([^>]*)>/;
}`

export interface Probe {
  /** Index of the device that sends it. */
  readonly index: number
  readonly from: string
  readonly to: string
  /** VLAN tags, the outer one first. */
  readonly tags: readonly number[]
  /** What the one who hears it reads. */
  readonly text: string
}

const frameOf = ({ from, to, tags, text }: Probe): string => {
  const address = (mac: string): string => mac.replaceAll(':', '')
  const tagged = tags.map((tag) => `8100${tag.toString(16).padStart(4, '0')}`).join('')
  const payload = Buffer.from(`PROBE<${text}>`.padEnd(60, '.')).toString('hex')
  return `${address(to)}${address(from)}${tagged}${etherType}${payload}`
}

export const sendFrames = async ([program, ...args]: Place, probes: readonly Probe[]): Promise<void> => {
  const child = execFile(program, [...args, 'perl', '-e', sender])
  child.stdin?.end(probes.map((probe) => `${probe.index} ${frameOf(probe)}\n`).join(''))
  const exit: unknown[] = await once(child, 'exit')
  const [code] = exit
  if (code !== 0) throw new Error(`frames could not be sent, exit code ${String(code)}`)
}

export interface Heard {
  readonly index: number
  readonly text: string
}

/** Hears every probe that comes into a namespace, from when it resolves to the end of the test. */
export const hearFrames = async (t: Test, [program, ...args]: Place): Promise<() => readonly Heard[]> => {
  const heard: Heard[] = []
  const child = spawn(program, [...args, 'perl', '-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  await once(lines, 'line')
  lines.on('line', (line) => {
    const [index = '', ...words] = line.split(' ')
    heard.push({ index: Number(index), text: words.join(' ') })
  })
  return () => heard
}
